import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// What lies at a listener's path before, during and after it listens.
    @Suite struct UnixListeningTests {
        private static func permissions(of path: FilePath) -> mode_t? {
            var found = stat()
            return lstat(path.string, &found) == 0 ? found.st_mode & 0o7777 : nil
        }

        @Test(arguments: [0o600, 0o660, 0o666, 0o777, 0o000] as [mode_t])
        func `a path has the permissions asked for, and is gone after the close`(
            mode: mode_t
        ) async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("service")
                var options = UnixListenOptions()
                options.permissions = FilePermissions(rawValue: mode)
                let listener = try await UnixListener.listen(
                    on: UnixAddress(path: path), loop: loop, options: options)
                #expect(Self.permissions(of: path) == mode)
                await listener.close()
                #expect(!Disk.exists(path))
            }
        }

        @Test func `by default only the same user may connect`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("service")
                let listener = try await UnixListener.listen(
                    on: UnixAddress(path: path), loop: loop)
                #expect(Self.permissions(of: path) == 0o600)
                await listener.close()
            }
        }

        @Test func `without permissions of its own a path has those of the umask`() async throws {
            try await withTestFolder { loop, folder in
                let (path, plain) = (folder.appending("service"), folder.appending("plain"))
                var options = UnixListenOptions()
                options.permissions = nil
                let listener = try await UnixListener.listen(
                    on: UnixAddress(path: path), loop: loop, options: options)
                let raw = try RawSocket.bound(to: UnixAddress(path: plain))
                #expect(Self.permissions(of: path) == Self.permissions(of: plain))
                raw.close()
                await listener.close()
            }
        }

        // MARK: Something is there already

        @Test func `a socket that nobody listens on is replaced`() async throws {
            try await withTestFolder { loop, folder in
                let address = try UnixAddress(path: folder.appending("service"))
                for type in [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET] {
                    try RawSocket.bound(to: address, type: type).close()
                    let listener = try await UnixListener.listen(on: address, loop: loop)
                    try RawSocket.connected(to: address).close()
                    await listener.close()
                }
            }
        }

        @Test func `a socket that nobody listens on is kept if so asked`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("service")
                try RawSocket.bound(to: UnixAddress(path: path)).close()
                var options = UnixListenOptions()
                options.replacesStaleSocket = false
                let asked = options
                let error = await #expect(throws: IOError.self) {
                    try await UnixListener.listen(
                        on: UnixAddress(path: path), loop: loop, options: asked)
                }
                #expect(error?.code == .addressInUse)
                #expect(Disk.exists(path))
            }
        }

        @Test func `where somebody listens the address is in use, and they go on`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let loop = runtime.loops[0]
                try await loop.files.withTemporaryDirectory { folder in
                    for address in [
                        try UnixAddress(path: folder.appending("service")), .forTest(),
                    ] {
                        let first = try await UnixListener.listen(on: address, loop: loop)
                        let error = await #expect(throws: IOError.self) {
                            try await runtime.listen(on: address)
                        }
                        #expect(error?.code == .addressInUse)
                        #expect(error?.subject == address.description)
                        let peer = try RawSocket.connected(to: address)
                        let near = try await first.accept()
                        try peer.write("x")
                        #expect(try await near.read(exactly: 1) == "x")
                        peer.close()
                        try await near.close()
                        await first.close()
                    }
                }
            }
        }

        @Test func `a listener with a full backlog and a socket of datagrams are in use too`()
            async throws
        {
            try await withTestFolder { loop, folder in
                let full = try UnixAddress(path: folder.appending("full"))
                let datagrams = try UnixAddress(path: folder.appending("datagrams"))
                let sockets = [
                    try RawSocket.listening(on: full, backlog: 0),
                    try RawSocket.connected(to: full),
                    try RawSocket.bound(to: datagrams, type: SOCK_DGRAM),
                ]
                for address in [full, datagrams] {
                    let error = await #expect(throws: IOError.self) {
                        try await UnixListener.listen(on: address, loop: loop)
                    }
                    #expect(error?.code == .addressInUse)
                    #expect(Disk.exists(try #require(address.path)))
                }
                for socket in sockets { socket.close() }
            }
        }

        @Test func `nothing but a socket is ever removed`() async throws {
            try await withTestFolder { loop, folder in
                let names = ["file", "folder", "link", "dangling", "fifo"]
                Disk.write("precious", to: folder.appending("file"))
                mkdir(folder.appending("folder").string, 0o700)
                symlink(folder.appending("file").string, folder.appending("link").string)
                symlink(folder.appending("none").string, folder.appending("dangling").string)
                mkfifo(folder.appending("fifo").string, 0o600)
                for name in names {
                    let path = folder.appending(name)
                    let error = await #expect(throws: IOError.self) {
                        try await UnixListener.listen(on: UnixAddress(path: path), loop: loop)
                    }
                    #expect(error?.code == .wrongFileType, "\(name)")
                    #expect(
                        error?.description
                            == "listen on \(path): something that is not a socket has the path")
                }
                #expect(Disk.names(in: folder) == names.sorted())
                #expect(Disk.bytes(of: folder.appending("file")) == Array("precious".utf8))
            }
        }

        @Test func `a folder that does not exist is not found, a file is no folder`() async throws {
            try await withTestFolder { loop, folder in
                Disk.write("", to: folder.appending("file"))
                let wrong: [(String, IOError.Code)] = [
                    ("none/service", .notFound), ("file/service", .wrongFileType),
                ]
                for (name, code) in wrong {
                    let address = try UnixAddress(path: folder.appending(name))
                    let error = await #expect(throws: IOError.self) {
                        try await UnixListener.listen(on: address, loop: loop)
                    }
                    #expect(error?.code == code)
                    #expect(error?.subject == address.description)
                }
            }
        }

        @Test(.disabled(if: getuid() == 0, "root may write everywhere"))
        func `a folder without the right to write refuses`() async throws {
            try await withTestFolder { loop, folder in
                chmod(folder.string, 0o500)
                let error = await #expect(throws: IOError.self) {
                    try await UnixListener.listen(
                        on: UnixAddress(path: folder.appending("x")), loop: loop)
                }
                #expect(error?.code == .permissionDenied)
                chmod(folder.string, 0o700)
            }
        }

        // MARK: The end

        @Test func `what has the path by then is not removed by a close`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("service")
                let address = try UnixAddress(path: path)
                for round in 0..<3 {
                    let listener = try await UnixListener.listen(on: address, loop: loop)
                    unlink(path.string)
                    switch round {
                    case 0: Disk.write("another's", to: path)
                    case 1: try RawSocket.bound(to: address).close()
                    default: break
                    }
                    await listener.close()
                    #expect(Disk.exists(path) == (round < 2))
                    unlink(path.string)
                }
            }
        }

        @Test func `a dropped listener's path goes too`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("service")
                for _ in 0..<20 {
                    _ = try await UnixListener.listen(on: UnixAddress(path: path), loop: loop)
                    try await waiting {
                        while Disk.exists(path) {
                            try await loop.clock.sleep(for: .milliseconds(1))
                        }
                    }
                }
            }
        }

        @Test func `a stop of the runtime removes the paths`() async throws {
            let folder = FilePath("/tmp/heddle-unix-\(UInt64.random(in: 0 ... .max))")
            mkdir(folder.string, 0o700)
            defer { rmdir(folder.string) }
            try await withTestRuntime(threads: 2) { runtime in
                let server = try await runtime.listen(
                    on: UnixAddress(path: folder.appending("server")))
                let listener = try await UnixListener.listen(
                    on: UnixAddress(path: folder.appending("listener")), loop: runtime.loops[1])
                #expect(Disk.names(in: folder) == ["listener", "server"])
                try await runtime.stop()
                withExtendedLifetime((server, listener)) {}
                #expect(Disk.names(in: folder) == [])
            }
        }

        @Test func `a stopped runtime does not listen, and leaves no path`() async throws {
            let path = FilePath("/tmp/heddle-unix-\(UInt64.random(in: 0 ... .max))")
            let runtime = try await withTestRuntime(threads: 2) { $0 }
            let error = await #expect(throws: IOError.self) {
                try await runtime.listen(on: UnixAddress(path: path))
            }
            #expect(error?.code == .loopStopped)
            #expect(!Disk.exists(path))
        }

        @Test func `options out of bounds are refused, by name`() async throws {
            try await withTestLoop { loop in
                var wrong = Array(repeating: UnixListenOptions(), count: 4)
                wrong[0].backlog = 0
                wrong[1].maximumConnectionsPerLoop = 0
                wrong[2].permissions = FilePermissions(rawValue: 0o1777)
                wrong[3].connection.sendBufferBytes = 0
                for options in wrong {
                    let error = await #expect(throws: IOError.self) {
                        try await UnixListener.listen(on: .forTest(), loop: loop, options: options)
                    }
                    #expect(error?.code == .invalidArgument)
                }
            }
        }

        @Test func `a listener's address is its own, and the client's name its peer's`()
            async throws
        {
            // libuv: pipe_getsockname, pipe_getsockname_abstract.
            try await withTestLoop { loop in
                let address = UnixAddress.forTest()
                let listener = try await UnixListener.listen(on: address, loop: loop)
                #expect(listener.localAddress == address)
                let client = try await UnixConnection.connect(to: address, on: loop)
                let near = try await listener.accept()
                #expect(await near.localAddress == address)
                #expect(near.remoteAddress == nil)
                #expect(near.description == "UnixConnection(a client of \(address))")
                #expect(near.peerCredentials.processID == getpid())
                try await client.close()
                try await near.close()
                #expect(await near.localAddress == nil)
                await listener.close()
            }
        }

        @Test func `the connections of a listener end with its close`() async throws {
            try await withTestLoop { loop in
                let listener = try await UnixListener.listen(on: .forTest(), loop: loop)
                let taker = loop.task {
                    var count = 0
                    for try await connection in listener.connections {
                        try await connection.close()
                        count += 1
                    }
                    return count
                }
                for _ in 0..<5 {
                    let peer = try RawSocket.connected(to: listener.localAddress)
                    // The loop that would be blocked is the one that accepts and closes.
                    try await waiting {
                        while !peer.waitReadable(milliseconds: 0) {
                            try await loop.clock.sleep(for: .milliseconds(1))
                        }
                    }
                    #expect(try peer.readToEnd().isEmpty)
                    peer.close()
                }
                await listener.close()
                #expect(try await waiting { try await taker.value } == 5)
            }
        }
    }
}
