import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// What lies at the path of a socket of datagrams before, during and after it is bound.
    @Suite struct UnixDatagramPathTests {
        private static func permissions(of path: FilePath) -> mode_t? {
            var found = stat()
            return lstat(path.string, &found) == 0 ? found.st_mode & 0o7777 : nil
        }

        @Test(arguments: [nil, 0o600, 0o660, 0o666, 0o000] as [mode_t?])
        func `a path has its permissions, and is gone after the close`(
            mode: mode_t?
        ) async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("service")
                var options = UnixDatagramOptions()
                if let mode { options.permissions = FilePermissions(rawValue: mode) }
                let socket = try await UnixDatagramSocket.bind(
                    to: UnixAddress(path: path), on: loop, options: options)
                #expect(Self.permissions(of: path) == mode ?? 0o600)
                await socket.close()
                #expect(!Disk.exists(path))
            }
        }

        @Test func `a socket that no process has open is replaced, unless asked not to`()
            async throws
        {
            try await withTestFolder { loop, folder in
                let address = try UnixAddress(path: folder.appending("service"))
                for type in [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET] {
                    try RawSocket.bound(to: address, type: type).close()
                    var options = UnixDatagramOptions()
                    options.replacesStaleSocket = false
                    let keeping = options
                    await expectError(.addressInUse) {
                        _ = try await UnixDatagramSocket.bind(
                            to: address, on: loop, options: keeping)
                    }
                    let socket = try await UnixDatagramSocket.bind(to: address, on: loop)
                    try await socket.send("x", to: address)
                    #expect(try await waiting { try await socket.receive() }.bytes == "x")
                    await socket.close()
                }
            }
        }

        @Test func `a path or name that somebody has is in use, and they notice nothing`()
            async throws
        {
            try await withTestFolder { loop, folder in
                let owner = try await UnixDatagramSocket.bind(
                    to: UnixAddress(path: folder.appending("owner")), on: loop)
                // One that takes from its peer alone cannot be connected to, which tells less.
                let connected = try await UnixDatagramSocket.connect(
                    to: try #require(owner.localAddress),
                    from: UnixAddress(path: folder.appending("connected")), on: loop)
                let named = try await UnixDatagramSocket.bind(to: .forTest(), on: loop)
                let stream = try UnixAddress(path: folder.appending("stream"))
                let listening = try RawSocket.listening(on: stream)
                defer { listening.close() }
                let taken = [owner, connected, named].compactMap(\.localAddress) + [stream]
                for address in taken {
                    let error = await expectError(.addressInUse) {
                        _ = try await UnixDatagramSocket.bind(to: address, on: loop)
                    }
                    #expect(error?.subject == "\(address)")
                }
                try await connected.send("still there")
                #expect(try await waiting { try await owner.receive() }.bytes == "still there")
                #expect(await owner.statistics.received == 1)
                for socket in [owner, connected, named] { await socket.close() }
            }
        }

        @Test func `a path that another socket has by now is left alone`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("service")
                let address = try UnixAddress(path: path)
                let first = try await UnixDatagramSocket.bind(to: address, on: loop)
                unlink(path.string)
                let second = try await UnixDatagramSocket.bind(to: address, on: loop)
                await first.close()
                try await second.send("x", to: address)
                #expect(try await waiting { try await second.receive() }.bytes == "x")
                await second.close()
                #expect(!Disk.exists(path))
            }
        }

        @Test func `nothing but a socket is ever removed`() async throws {
            try await withTestFolder { loop, folder in
                Disk.write("precious", to: folder.appending("file"))
                mkdir(folder.appending("folder").string, 0o700)
                symlink(folder.appending("none").string, folder.appending("dangling").string)
                for name in ["file", "folder", "dangling"] {
                    let address = try UnixAddress(path: folder.appending(name))
                    await expectError(.wrongFileType) {
                        _ = try await UnixDatagramSocket.bind(to: address, on: loop)
                    }
                }
                #expect(Disk.names(in: folder) == ["dangling", "file", "folder"])
            }
        }

        @Test func `a connection that fails leaves no path`() async throws {
            try await withTestFolder { loop, folder in
                let local = try UnixAddress(path: folder.appending("client"))
                let nobody = try UnixAddress(path: folder.appending("nobody"))
                await expectError(.notFound) {
                    _ = try await UnixDatagramSocket.connect(to: nobody, from: local, on: loop)
                }
                #expect(Disk.names(in: folder).isEmpty)
            }
        }
    }
}
