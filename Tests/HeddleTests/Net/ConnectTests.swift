import Glibc
import Synchronization
import Testing

@testable import Heddle

extension HeddleTests {
    /// FAULTS.md N9: every failure names the address, keeps to its time and leaves nothing.
    @Suite struct ConnectTests {
        @Test(arguments: [StreamKind.tcpIPv4, .tcpIPv6])
        func `a connection knows both of its addresses`(kind: StreamKind) async throws {
            guard StreamKind.all.contains(kind) else { return }
            try await withTestLoop { loop in
                let listener = try RawSocket.listening(on: kind.loopback)
                defer { listener.close() }
                let near = try await TCPConnection.connect(to: listener.address, on: loop)
                let peer = try listener.accept()
                defer { peer.close() }
                #expect(near.remoteAddress == listener.address)
                let local = try #require(await near.localAddress)
                #expect(local == Socket(descriptor: peer.descriptor).address(ofPeer: true))
                #expect(near.description == "TCPConnection(\(listener.address))")
            }
        }

        @Test func `a connection is made from off the loop too`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let listener = try RawSocket.listening()
                defer { listener.close() }
                let near = try await TCPConnection.connect(
                    to: listener.address, on: runtime.loops[0])
                let peer = try listener.accept()
                defer { peer.close() }
                try await near.write("hop")
                try await near.close()
                #expect(try peer.readToEnd() == Array("hop".utf8))
            }
        }

        @Test func `a connection tells its loop from anywhere, until that has ended`() async throws
        {
            let runtime = try Runtime.start(.init(threads: 2))
            let loop = runtime.loops[1]
            let listener = try RawSocket.listening()
            let near = try await TCPConnection.connect(to: listener.address, on: loop)
            listener.close()
            #expect(near.loop === loop)
            for other in runtime.loops {
                try await other.task { #expect(near.loop === loop) }.value
            }
            // Asked all the while as the loop ends.
            let asking = Signal(after: 4)
            let asked = (0..<4).map { _ in
                Task {
                    asking.fire()
                    while let found = near.loop {
                        #expect(found === loop)
                        await Task.yield()
                    }
                }
            }
            try await asking.wait()
            try await waiting { try await runtime.stop(within: .zero) }
            for task in asked { try await waiting { await task.value } }
            #expect(near.loop == nil)
            #expect(try await loop.task { near.loop == nil }.value)
        }

        @Test(arguments: [StreamKind.tcpIPv4, .tcpIPv6])
        func `a closed port refuses, by its address`(kind: StreamKind) async throws {
            guard StreamKind.all.contains(kind) else { return }
            try await withTestLoop { loop in
                let probe = try RawSocket.listening(on: kind.loopback)
                let address = probe.address
                probe.close()
                for _ in 0..<20 {
                    let error = await #expect(throws: IOError.self) {
                        try await TCPConnection.connect(to: address, on: loop)
                    }
                    #expect(error?.code == .connectionRefused)
                    #expect(
                        error?.description
                            == "connect to \(address): connection refused (ECONNREFUSED)")
                }
                try await expectNoConnections(on: loop)
            }
        }

        @Test func `port 0 is an error of the address`() async throws {
            try await withTestLoop { loop in
                let error = await #expect(throws: IOError.self) {
                    try await TCPConnection.connect(to: .loopback(port: 0), on: loop)
                }
                #expect(error?.subject == "127.0.0.1:0")
            }
        }

        @Test(arguments: [0.1, 0.4])
        func `a black hole is given up at the timeout`(seconds: Double) async throws {
            try await withTestLoop { loop in
                let hole = try BlackHole()
                defer { hole.close() }
                let timeout = Duration.seconds(seconds)
                let clock = ContinuousClock()
                var took = Duration.zero
                // A machine that is busy with others wakes everybody late now and then, not always.
                for _ in 0..<5 {
                    let start = clock.now
                    let error = await #expect(throws: IOError.self) {
                        try await TCPConnection.connect(
                            to: hole.address, on: loop, timeout: timeout)
                    }
                    took = start.duration(to: clock.now)
                    #expect(error?.code == .timedOut)
                    #expect(error?.subject == hole.address.description)
                    #expect(took >= timeout, "\(took)")
                    if took <= timeout * 1.1 { break }
                }
                #expect(took <= timeout * 1.1, "\(took)")
                try await expectNoConnections(on: loop)
            }
        }

        @Test func `a cancelled attempt ends at once and leaves nothing`() async throws {
            try await withTestLoop { loop in
                let hole = try BlackHole()
                defer { hole.close() }
                for round in 0..<50 {
                    let attempt = loop.task {
                        try await TCPConnection.connect(to: hole.address, on: loop)
                    }
                    for _ in 0..<round % 4 { await Task.yield() }
                    attempt.cancel()
                    await expectCancelled(attempt)
                    #expect(loop.core.timers.count <= 1)
                }
                try await expectNoConnections(on: loop)
            }
        }

        @Test(arguments: Seed.some(2))
        func `attempts cancelled at random moments end once and leave nothing`(
            seed: Seed
        ) async throws {
            try await withTestRuntime(threads: 1, limit: .seconds(300)) { runtime in
                var random = seed.generator
                let loop = runtime.loops[0]
                let listener = try RawSocket.listening(backlog: 4_096)
                defer { listener.close() }
                let rounds = TestScale.times(500, full: 50_000)
                let made = Counter()
                let cancelled = Counter()
                for round in 0..<rounds {
                    let attempt = Task {
                        let near = try await TCPConnection.connect(to: listener.address, on: loop)
                        made.add()
                        near.reset()
                    }
                    for _ in 0..<Int.random(in: 0...20, using: &random) { await Task.yield() }
                    attempt.cancel()
                    if case .failure(let error) = await attempt.result {
                        #expect(error is CancellationError, "\(error)")
                        cancelled.add()
                    }
                    // What the kernel has accepted meanwhile must not fill up its queue.
                    if round % 1_000 == 999 {
                        while listener.waitReadable(milliseconds: 0) {
                            try listener.accept().close()
                        }
                    }
                }
                #expect(made.value + cancelled.value == rounds)
                try await expectNoConnections(on: loop)
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func `a name that does not exist is told by its name`() async throws {
            try await withTestLoop { loop in
                let error = await #expect(throws: IOError.self) {
                    try await TCPConnection.connect(
                        to: "no-such-host.invalid:80", on: loop, timeout: .seconds(10))
                }
                #expect(error?.code == .unknownHost || error?.code == .timedOut)
                #expect(error?.operation == "look up")
                #expect(error?.subject == "no-such-host.invalid")
                try await loop.untilNoNamesAreLookedUp()
            }
        }

        @Test(arguments: [
            String(repeating: "a", count: 64), String(repeating: "long.", count: 60), "..", "-",
        ])
        func `a name that cannot be is an error, not a trap`(host: String) async throws {
            try await withTestLoop { loop in
                let endpoint = try Endpoint(host: host, port: 80)
                let error = await #expect(throws: IOError.self) {
                    try await TCPConnection.connect(to: endpoint, on: loop, timeout: .seconds(5))
                }
                #expect(error?.subject?.contains(host) == true, "\(String(describing: error))")
            }
        }

        @Test func `a name with an address connects`() async throws {
            try await withTestLoop { loop in
                let listener = try RawSocket.listening()
                defer { listener.close() }
                let endpoint = try Endpoint(host: "localhost", port: Int(listener.address.port))
                let near = try await TCPConnection.connect(to: endpoint, on: loop)
                let peer = try listener.accept()
                peer.close()
                #expect(try await near.read() == nil)
            }
        }

        @Test func `look-ups at the same time each get their answer`() async throws {
            // libuv: getaddrinfo_concurrent.
            try await withTestLoop { loop in
                let listener = try RawSocket.listening()
                defer { listener.close() }
                let endpoint = try Endpoint(host: "localhost", port: Int(listener.address.port))
                try await withThrowingTaskGroup(of: SocketAddress?.self) { group in
                    for _ in 0..<40 {
                        group.addTask {
                            let near = try await TCPConnection.connect(to: endpoint, on: loop)
                            defer { near.reset() }
                            return near.remoteAddress
                        }
                    }
                    for try await address in group { #expect(address == listener.address) }
                }
                try await expectNoConnections(on: loop)
            }
        }

        @Test(
            .enabled(
                if: StreamKind.hasIPv6 && hostWithBothFamilies != nil,
                "no name here has addresses of both families")
        )
        func `the addresses of a name are tried in turn`() async throws {
            let host = try #require(hostWithBothFamilies)
            try await withTestLoop { loop in
                for listening in [SocketAddress.loopback(port: 0), StreamKind.tcpIPv6.loopback] {
                    let listener = try RawSocket.listening(on: listening)
                    let endpoint = try Endpoint(host: host, port: Int(listener.address.port))
                    let near = try await TCPConnection.connect(to: endpoint, on: loop)
                    #expect(near.remoteAddress == listener.address)
                    try listener.accept().close()
                    listener.close()
                    let error = await #expect(throws: IOError.self) {
                        try await TCPConnection.connect(to: endpoint, on: loop)
                    }
                    #expect(error?.code == .connectionRefused)
                    #expect(error?.causes.count == 2)
                    #expect(error?.subject == "\(endpoint)")
                }
            }
        }

        @Test(arguments: [Duration.zero, .seconds(-1), .nanoseconds(-1)])
        func `a timeout that is none is refused`(timeout: Duration) async throws {
            try await withTestLoop { loop in
                let error = await #expect(throws: IOError.self) {
                    try await TCPConnection.connect(
                        to: .loopback(port: 1), on: loop, timeout: timeout)
                }
                #expect(error?.code == .invalidArgument)
                #expect(error?.subject == "127.0.0.1:1")
            }
        }

        @Test(arguments: [Duration.seconds(Int64.max), .seconds(1_000_000_000_000)])
        func `an endless timeout is as good as any`(timeout: Duration) async throws {
            try await withTestLoop { loop in
                let listener = try RawSocket.listening()
                defer { listener.close() }
                let near = try await TCPConnection.connect(
                    to: listener.address, on: loop, timeout: timeout)
                try await near.close()
            }
        }

        @Test func `connecting on a stopped loop says so by the address`() async throws {
            let loop = try await withTestLoop { $0 }
            let error = await #expect(throws: IOError.self) {
                try await TCPConnection.connect(to: .loopback(port: 9), on: loop)
            }
            #expect(error?.code == .loopStopped)
            #expect(error?.subject == "127.0.0.1:9")
            #expect("\(error!)".contains("test-loop"))
        }

        @Test func `a stop in the middle of an attempt ends it as stopped`() async throws {
            for _ in 0..<20 {
                let hole = try BlackHole()
                defer { hole.close() }
                let runtime = try Runtime.start(.init(threads: 1))
                let loop = runtime.loops[0]
                let attempt = Task { try await TCPConnection.connect(to: hole.address, on: loop) }
                try await waiting(for: .seconds(10), "the attempt") {
                    while loop.core.openConnections == 0 {
                        await Task.yield()
                    }
                }
                try await waiting(for: .seconds(5), "the stop") {
                    try await runtime.stop(within: .zero)
                }
                let error = await #expect(throws: IOError.self) { try await attempt.value }
                #expect(error?.code == .loopStopped)
                await expectNothingLeft(on: loop)
            }
        }

        @Test func `many failed attempts leave nothing`() async throws {
            try await withTestLoop { loop in
                let probe = try RawSocket.listening()
                let address = probe.address
                probe.close()
                let before = ResourceCheck.openDescriptors().count
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<200 {
                        group.addTask {
                            _ = try? await TCPConnection.connect(to: address, on: loop)
                        }
                    }
                    try await group.waitForAll()
                }
                try await expectNoConnections(on: loop)
                #expect(ResourceCheck.openDescriptors().count <= before + 1)
                #expect(loop.core.timers.count == 0)
            }
        }
    }
}

/// A name of /etc/hosts with an IPv4 and an IPv6 loopback address.
private let hostWithBothFamilies: String? = {
    for host in ["localhost", "ip6-localhost", "localhost.localdomain"] {
        var list: UnsafeMutablePointer<addrinfo>?
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { continue }
        defer { freeaddrinfo(list) }
        var families: Set<Int32> = []
        var next = list
        while let entry = next {
            families.insert(entry.pointee.ai_family)
            next = entry.pointee.ai_next
        }
        if families == [AF_INET, AF_INET6] { return host }
    }
    return nil
}()

/// A listening socket whose backlog is full: the kernel answers no further attempt.
struct BlackHole: Sendable {
    private let listener: RawSocket
    private let fillers: [RawSocket]

    var address: SocketAddress { listener.address }

    init(at address: SocketAddress = .loopback(port: 0)) throws {
        listener = try RawSocket.listening(on: address, backlog: 0)
        let address = listener.address
        // A backlog of 0 holds one connection.
        fillers = try (0..<1).map { _ in try RawSocket.connected(to: address) }
    }

    func close() {
        for filler in fillers { filler.close() }
        listener.close()
    }
}
