import Synchronization
import Testing

@testable import Heddle

extension HeddleTests {
    /// Sockets of several loops on one port, and the server made of them.
    @Suite struct UDPSharingTests {
        @Test(arguments: StreamKind.loopbackIPs)
        func `loops share one port, and a sender stays with its loop`(ip: String) async throws {
            let address = try SocketAddress(ip: ip, port: 0)
            try await withTestRuntime(threads: 3) { runtime in
                let sockets = try await UDPSocket.bind(to: address, sharedBy: runtime.loops)
                #expect(sockets.count == 3)
                let shared = sockets[0].localAddress
                #expect(sockets.allSatisfy { $0.localAddress == shared })
                let seen = Recorder<[SocketAddress?]>()
                let all = Signal(after: 180)
                let receiving = zip(sockets, runtime.loops).map { socket, loop in
                    loop.task {
                        var senders: [SocketAddress?] = []
                        for try await datagram in socket.datagrams {
                            senders.append(datagram.remoteAddress)
                            all.fire()
                        }
                        seen.add(senders)
                    }
                }
                let senders = try (0..<60).map { _ in try RawSocket.datagrams(boundTo: address) }
                for _ in 0..<3 {
                    for sender in senders { try sender.sendDatagram([1], to: shared) }
                }
                try await waiting { try await all.wait() }
                for socket in sockets { await socket.close() }
                for task in receiving { try await task.value }
                #expect(seen.all.allSatisfy { !$0.isEmpty })
                for sender in senders {
                    let counts = seen.all.map { list in list.count { $0 == sender.address } }
                    #expect(counts.sorted() == [0, 0, 3])
                    sender.close()
                }
            }
        }

        private static let echo: UDPServer.Handler = { socket in
            for try await batch in socket.batches { _ = try await socket.send(batch) }
        }

        @Test func `a server answers every sender, and stops when it is told`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let server = try await runtime.bindUDP(to: "127.0.0.1:0" as Endpoint)
                let serving = Task { try await server.serve(Self.echo) }
                for number in 0..<50 {
                    let peer = try RawSocket.datagrams()
                    defer { peer.close() }
                    try peer.sendDatagram(Array("\(number)".utf8), to: server.localAddress)
                    #expect(try peer.receiveDatagram() == Array("\(number)".utf8))
                }
                let twice = await #expect(throws: IOError.self) {
                    try await server.serve(Self.echo)
                }
                #expect(twice?.code == .busy)
                try await server.stop(within: .seconds(5))
                try await serving.value
                let statistics = await server.statistics
                #expect(statistics.received == 50 && statistics.sent == 50)
                // The address is free again.
                let again = try await runtime.bindUDP(to: server.localAddress)
                try await again.stop()
            }
        }

        @Test func `a stop of the runtime lets handlers answer what has come`() async throws {
            let runtime = try Runtime.start(.init(threads: 2))
            let server = try await runtime.bindUDP(to: .loopback(port: 0))
            let (started, release) = (Signal(), Signal())
            let serving = Task {
                try await server.serve { socket in
                    for try await datagram in socket.datagrams {
                        started.fire()
                        try await release.wait()
                        try await socket.send(datagram)
                    }
                }
            }
            let peer = try RawSocket.datagrams()
            defer { peer.close() }
            try peer.sendDatagram([42], to: server.localAddress)
            try await started.wait()
            let stopping = Task { try await runtime.stop(within: .seconds(30)) }
            // The other loop has nothing to answer.
            try await waiting { while await server.statistics.received != 1 {} }
            release.fire()
            try await waiting { try await stopping.value }
            try await serving.value
            #expect(try peer.receiveDatagram() == [42])
            for loop in runtime.loops { await expectNothingLeft(on: loop) }
        }

        @Test func `a stop is no error to a handler that waits for a datagram`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let server = try await runtime.bindUDP(to: .loopback(port: 0))
                let started = Signal(after: 2)
                let serving = Task {
                    try await server.serve { socket in
                        started.fire()
                        while true { try await socket.send(try await socket.receive()) }
                    }
                }
                try await started.wait()
                try await server.stop()
                try await waiting { try await serving.value }
            }
        }

        @Test func `a handler that does not end is cancelled`() async throws {
            try await withTestRuntime(threads: 1, grace: .zero) { runtime in
                let server = try await runtime.bindUDP(to: .loopback(port: 0))
                let (loop, started, cancelled) = (runtime.loops[0], Signal(), Signal())
                let serving = Task {
                    try await server.serve { _ in
                        started.fire()
                        do {
                            try await loop.clock.sleep(for: .seconds(1_000))
                        } catch is CancellationError {
                            cancelled.fire()
                            throw CancellationError()
                        }
                    }
                }
                try await started.wait()
                try await waiting { try await server.stop(within: .milliseconds(1)) }
                try await serving.value
                #expect(cancelled.hasFired)
            }
        }

        @Test func `a handler's error ends the server and reaches who serves`() async throws {
            struct Broken: Error {}
            try await withTestRuntime(threads: 2) { runtime in
                let server = try await runtime.bindUDP(to: .loopback(port: 0))
                let serving = Task {
                    try await server.serve { socket in
                        for try await _ in socket.datagrams { throw Broken() }
                    }
                }
                let peer = try RawSocket.datagrams()
                defer { peer.close() }
                try peer.sendDatagram([1], to: server.localAddress)
                await #expect(throws: Broken.self) { try await waiting { try await serving.value } }
            }
        }

        @Test func `cancelling who serves ends the handlers`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let server = try await runtime.bindUDP(to: .loopback(port: 0))
                let started = Signal(after: 2)
                let serving = Task {
                    try await server.serve { socket in
                        started.fire()
                        for try await _ in socket.datagrams {}
                    }
                }
                try await started.wait()
                serving.cancel()
                try await waiting { try await serving.value }
            }
        }

        @Test func `a server nobody serves ends with its runtime, or when it is dropped`()
            async throws
        {
            try await withTestRuntime(threads: 2) { runtime in
                let kept = try await runtime.bindUDP(to: .loopback(port: 0))
                let address = try await runtime.bindUDP(to: .loopback(port: 0)).localAddress
                // It is free as soon as both loops have closed theirs.
                try await waiting {
                    while true {
                        guard let again = try? await runtime.bindUDP(to: address) else { continue }
                        return try await again.stop()
                    }
                }
                #expect(kept.localAddress.port != 0)
            }
        }
    }
}
