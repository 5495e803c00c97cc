import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct UnixConnectionTests {
        @Test func `a client knows whom it reached, and who listens there`() async throws {
            try await withTestLoop { loop in
                let address = UnixAddress.forTest()
                let listener = try RawSocket.listening(on: address)
                defer { listener.close() }
                let near = try await UnixConnection.connect(to: address, on: loop)
                let peer = try listener.accept()
                defer { peer.close() }
                #expect(near.remoteAddress == address)
                #expect(await near.localAddress == nil)
                #expect(near.peerCredentials.processID == getpid())
                #expect(near.peerCredentials.userID == geteuid())
                #expect(near.peerCredentials.groupID == getegid())
                #expect(near.description == "UnixConnection(\(address))")
                try await near.write("hi")
                try await near.flush()
                #expect(try peer.read(exactly: 2) == Array("hi".utf8))
                try await near.close()
            }
        }

        @Test func `the ends of a pair reach each other, on one loop and on two`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                for other in runtime.loops {
                    let (near, far) = try await UnixConnection.pair(
                        on: runtime.loops[0], and: other)
                    #expect(far.loop === other)
                    try await near.write("there")
                    #expect(try await far.read(exactly: 5) == "there")
                    try await far.write("and back")
                    try await far.close()
                    #expect(try await near.read(exactly: 8) == "and back")
                    #expect(try await near.read() == nil)
                    #expect(near.remoteAddress == nil)
                    #expect(near.peerCredentials.processID == getpid())
                    try await near.close()
                }
            }
        }

        @Test func `a path that nothing has is not found, by its name`() async throws {
            // libuv: pipe_connect_bad_name.
            try await withTestFolder { loop, folder in
                let address = try UnixAddress(path: folder.appending("none"))
                for _ in 0..<20 {
                    let error = await #expect(throws: IOError.self) {
                        try await UnixConnection.connect(to: address, on: loop)
                    }
                    #expect(error?.code == .notFound)
                    #expect(
                        error?.description
                            == "connect to \(address): no such file or directory (ENOENT)")
                }
                try await expectNoConnections(on: loop)
            }
        }

        @Test func `where nobody listens a connection is refused, by its name`() async throws {
            try await withTestFolder { loop, folder in
                let stale = try UnixAddress(path: folder.appending("stale"))
                try RawSocket.bound(to: stale).close()
                let file = folder.appending("file")
                Disk.write("text", to: file)
                let nowhere = [
                    UnixAddress.forTest(), stale, try UnixAddress(path: file),
                    try UnixAddress(path: folder),
                ]
                for address in nowhere {
                    let error = await #expect(throws: IOError.self) {
                        try await UnixConnection.connect(to: address, on: loop)
                    }
                    #expect(error?.code == .connectionRefused)
                    #expect(error?.subject == address.description)
                }
                try await expectNoConnections(on: loop)
            }
        }

        @Test func `a socket of datagrams takes no connection`() async throws {
            try await withTestFolder { loop, folder in
                let address = try UnixAddress(path: folder.appending("datagrams"))
                let other = try RawSocket.bound(to: address, type: SOCK_DGRAM)
                defer { other.close() }
                let error = await #expect(throws: IOError.self) {
                    try await UnixConnection.connect(to: address, on: loop)
                }
                #expect(error?.code == .invalidArgument)
                #expect(error?.systemName == "EPROTOTYPE")
            }
        }

        @Test(.disabled(if: getuid() == 0, "root may connect to anything"))
        func `a path without the right to write refuses`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("closed")
                let listener = try RawSocket.listening(on: UnixAddress(path: path))
                defer { listener.close() }
                chmod(path.string, 0)
                let error = await #expect(throws: IOError.self) {
                    try await UnixConnection.connect(to: UnixAddress(path: path), on: loop)
                }
                #expect(error?.code == .permissionDenied)
            }
        }

        // MARK: A full backlog

        @Test(arguments: [true, false])
        func `who connects without end leaves the loop its turns`(isRefused: Bool) async throws {
            try await withTestLoop { loop in
                let address = UnixAddress.forTest()
                let listener =
                    isRefused ? nil : try RawSocket.listening(on: address, backlog: 4_000)
                defer { listener?.close() }
                let beats = Counter()
                let beat = loop.task {
                    for await _ in loop.ticks(every: .milliseconds(1)) { beats.add() }
                }
                // Without the turns no beat comes, however often this is done.
                for _ in 0..<100_000 where beats.value < 3 {
                    let connection = try? await UnixConnection.connect(to: address, on: loop)
                    connection?.reset()
                    try listener?.accept().close()
                }
                #expect(beats.value >= 3)
                beat.cancel()
                _ = await beat.result
            }
        }

        @Test func `a full backlog is waited for`() async throws {
            try await withTestLoop { loop in
                let hole = try UnixHole()
                defer { hole.close() }
                let attempt = loop.task {
                    try await UnixConnection.connect(to: hole.address, on: loop)
                }
                // Until it waits for its second attempt.
                try await waiting {
                    while loop.core.timers.count == 0 { await Task.yield() }
                }
                let first = try hole.listener.accept()
                let near = try await waiting { try await attempt.value }
                let second = try hole.listener.accept()
                try second.write("at last")
                #expect(try await near.read(exactly: 7) == "at last")
                try await near.close()
                first.close()
                second.close()
            }
        }

        @Test func `a backlog that stays full is given up at the timeout`() async throws {
            try await withTestLoop { loop in
                let hole = try UnixHole()
                defer { hole.close() }
                let start = ContinuousClock.now
                let error = await #expect(throws: IOError.self) {
                    try await UnixConnection.connect(
                        to: hole.address, on: loop, timeout: .milliseconds(200))
                }
                #expect(start.duration(to: .now) >= .milliseconds(200))
                #expect(error?.code == .timedOut)
                #expect(error?.subject == hole.address.description)
                #expect(error?.reason == "the listener's backlog was full for 200 ms")
                try await expectNoConnections(on: loop)
                #expect(loop.core.timers.count == 0)
            }
        }

        @Test func `a cancelled attempt ends at once and leaves nothing`() async throws {
            try await withTestLoop { loop in
                let hole = try UnixHole()
                defer { hole.close() }
                let before = ResourceCheck.openDescriptors().count
                for round in 0..<50 {
                    let attempt = loop.task {
                        try await UnixConnection.connect(to: hole.address, on: loop)
                    }
                    for _ in 0..<round % 4 { await Task.yield() }
                    attempt.cancel()
                    await expectCancelled(attempt)
                }
                #expect(loop.core.timers.count == 0)
                #expect(ResourceCheck.openDescriptors().count <= before)
            }
        }

        @Test func `a stop in the middle of an attempt ends it as stopped`() async throws {
            for _ in 0..<20 {
                let hole = try UnixHole()
                defer { hole.close() }
                let runtime = try Runtime.start(.init(threads: 1))
                let loop = runtime.loops[0]
                let attempt = Task {
                    try await UnixConnection.connect(to: hole.address, on: loop)
                }
                try await waiting {
                    while !(await loop.run { $0.core.timers.count > 0 }) { await Task.yield() }
                }
                try await waiting { try await runtime.stop(within: .zero) }
                let error = await #expect(throws: IOError.self) {
                    try await waiting { try await attempt.value }
                }
                #expect(error?.code == .loopStopped)
                await expectNothingLeft(on: loop)
            }
        }

        @Test(arguments: [Duration.zero, .seconds(-1)])
        func `a timeout that is none is refused`(timeout: Duration) async throws {
            try await withTestLoop { loop in
                let error = await #expect(throws: IOError.self) {
                    try await UnixConnection.connect(to: .forTest(), on: loop, timeout: timeout)
                }
                #expect(error?.code == .invalidArgument)
            }
        }

        @Test func `a stopped loop connects nothing, pairs nothing and adopts nothing`()
            async throws
        {
            let loop = try await withTestLoop { $0 }
            let (near, far) = try RawSocket.pair()
            defer { far.close() }
            let attempts: [@Sendable () async throws -> Void] = [
                { _ = try await UnixConnection.connect(to: .forTest(), on: loop) },
                { _ = try await UnixConnection.pair(on: loop) },
                {
                    _ = try await UnixConnection.adopting(
                        descriptor: near.descriptor, on: loop)
                },
            ]
            let before = ResourceCheck.openDescriptors().count
            for attempt in attempts {
                let error = await #expect(throws: IOError.self) { try await attempt() }
                #expect(error?.code == .loopStopped)
            }
            // The last one has closed what it was given.
            #expect(ResourceCheck.openDescriptors().count <= before - 1)
            #expect(try far.readOnce().isEmpty)
        }

        // MARK: Adopting

        @Test func `what is no connected Unix stream is refused and left alone`() async throws {
            try await withTestLoop { loop in
                let internet = try RawSocket.listening()
                let client = try RawSocket.connected(to: internet.address)
                let idle = try RawSocket.listening(on: .forTest())
                let datagram = try RawSocket.bound(to: .forTest(), type: SOCK_DGRAM)
                let file = RawSocket(open("/dev/null", O_RDWR | O_CLOEXEC))
                for (wrong, reason) in [
                    (client, "not a Unix-domain socket"), (idle, "not connected"),
                    (datagram, "not a stream socket"), (file, "socket operation on non-socket"),
                ] {
                    let error = await #expect(throws: IOError.self) {
                        try await UnixConnection.adopting(descriptor: wrong.descriptor, on: loop)
                    }
                    #expect(error?.code == .invalidArgument)
                    #expect(error?.subject == "descriptor \(wrong.descriptor)")
                    #expect(error?.reason == reason)
                    #expect(fcntl(wrong.descriptor, F_GETFD) >= 0)
                    wrong.close()
                }
                internet.close()
            }
        }

        @Test(arguments: [-1, 19_999, Int32.max])
        func `a descriptor that is not open is refused by its number`(number: Int32) async throws {
            try await withTestLoop { loop in
                let error = await #expect(throws: IOError.self) {
                    try await UnixConnection.adopting(descriptor: number, on: loop)
                }
                #expect(error?.code == .invalidArgument)
                #expect(error?.systemName == "EBADF")
            }
        }

        @Test func `options out of bounds are refused before anything is taken over`() async throws
        {
            try await withTestLoop { loop in
                let (near, far) = try RawSocket.pair()
                var wrong = Array(repeating: UnixOptions(), count: 4)
                wrong[0].sendBufferBytes = 0
                wrong[1].maximumUnclaimedDescriptors = -1
                wrong[2].maximumUnclaimedDescriptors = 1 << 20
                wrong[3].limits.unreadHighWater = 0
                for options in wrong {
                    let error = await #expect(throws: IOError.self) {
                        try await UnixConnection.adopting(
                            descriptor: near.descriptor, on: loop, options: options)
                    }
                    #expect(error?.code == .invalidArgument)
                    #expect(fcntl(near.descriptor, F_GETFD) >= 0)
                }
                near.close()
                far.close()
            }
        }
    }
}

/// A listening Unix socket whose backlog is full.
private struct UnixHole: Sendable {
    let address = UnixAddress.forTest()
    let listener: RawSocket
    private let filler: RawSocket

    init() throws {
        // A backlog of 0 holds one connection.
        listener = try RawSocket.listening(on: address, backlog: 0)
        filler = try RawSocket.connected(to: address)
    }

    func close() {
        filler.close()
        listener.close()
    }
}
