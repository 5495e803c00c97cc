import Testing

@testable import Heddle

extension HeddleTests {
    /// FAULTS.md L12: a stop at any moment ends soon after its deadline, and every operation ends once.
    @Suite struct ServerRaceTests {
        @Test(arguments: ServerKind.balanced, Seed.some(1))
        func `stopping while clients connect, read and write ends everything once`(
            kind: ServerKind, seed: Seed
        ) async throws {
            var random = seed.generator
            for _ in 0..<TestScale.times(40, full: 1_000) {
                let check = try await ResourceCheck()
                let runtime = try Runtime.start(.init(threads: 2))
                let clients = try Runtime.start(.init(threads: 1))
                let server = try await kind.listen(on: runtime)
                let served = Task { try await server.serve(Self.echo) }
                let busy = Self.clients(8, of: server, on: clients.loops[0])
                for _ in 0..<Int.random(in: 0...400, using: &random) { await Task.yield() }
                let order = Int.random(in: 0..<3, using: &random)
                let clock = ContinuousClock()
                let start = clock.now
                try await waiting(for: .seconds(10), "the stops") {
                    if order == 0 { try await server.stop(within: .zero) }
                    if order == 1 { try await clients.stop(within: .zero) }
                    try await runtime.stop(within: .zero)
                    try await clients.stop(within: .zero)
                }
                #expect(start.duration(to: clock.now) < .seconds(2))
                try await waiting(for: .seconds(10), "the server") { try await served.value }
                for client in busy {
                    try await waiting(for: .seconds(10), "a client") { _ = await client.result }
                }
                for loop in runtime.loops + clients.loops { await expectNothingLeft(on: loop) }
                check.expectUnchanged()
                #expect(server.statistics.openConnections == 0)
            }
        }

        @Test(arguments: Seed.some(1), ServerKind.all)
        func `stopping a server of handler objects under load ends everything once`(
            seed: Seed, kind: ServerKind
        ) async throws {
            var random = seed.generator
            for _ in 0..<TestScale.times(40, full: 1_000) {
                let alive = Counter()
                let runtime = try Runtime.start(.init(threads: 2))
                let server = try await kind.listen(on: runtime)
                let served = Task { try await server.serve(handler: { LoadedHandler(alive) }) }
                let busy = Self.clients(8, of: server, on: runtime.loops[0])
                for _ in 0..<Int.random(in: 0...400, using: &random) { await Task.yield() }
                try await waiting(for: .seconds(10), "the stop") {
                    try await runtime.stop(within: .zero)
                    try await served.value
                }
                for client in busy { _ = await client.result }
                for loop in runtime.loops { await expectNothingLeft(on: loop) }
                #expect(alive.value == 0)
            }
        }

        @Test(arguments: Seed.some(2))
        func `a stream closed, reset, dropped and broken at once ends once`(seed: Seed) async throws
        {
            var random = seed.generator
            try await withTestRuntime(threads: 2) { [random] runtime in
                var random = random
                for round in 0..<TestScale.times(1_500, full: 20_000) {
                    let kind = round % 2 == 0 ? StreamKind.unix : .tcpIPv4
                    let (near, peer) = try await kind.connect(on: runtime.loops[0])
                    var tasks: [Task<Void, Never>] = []
                    let moves: [@Sendable (ByteStream) async -> Void] = [
                        { _ = try? await $0.read() }, { try? await $0.write("some") },
                        { try? await $0.flush() }, { try? await $0.shutdownWrite() },
                        { try? await $0.close() }, { $0.reset() },
                        { _ = try? await $0.read(exactly: 100) },
                        { try? await $0.write(Bytes([UInt8](repeating: 1, count: 500_000))) },
                        { _ in peer.shutdownBoth() }, { _ in _ = peer.writeWhatFits([1, 2, 3]) },
                    ]
                    for move in moves.shuffled(using: &random).prefix(5) {
                        let executor = [nil, runtime.loops[0], runtime.loops[1]]
                            .randomElement(using: &random)!
                        tasks.append(
                            Task(executorPreference: executor?.taskExecutor) { await move(near) })
                    }
                    tasks.randomElement(using: &random)!.cancel()
                    try await waiting(for: .seconds(20), "the close") { [tasks] in
                        near.reset()
                        try? await near.close()
                        for task in tasks { await task.value }
                    }
                    #expect(try await near.inside { $0.phase } == .closed)
                    peer.close()
                }
                try await expectNoConnections(on: runtime.loops[0])
            }
            random = seed.generator
        }

        private static let echo: TestServer.Handler = { connection in
            for try await bytes in connection.inbound { try await connection.write(bytes) }
        }

        /// Clients that connect, talk and close until something fails.
        private static func clients(
            _ count: Int, of server: TestServer, on loop: EventLoop
        ) -> [Task<Void, any Error>] {
            (0..<count).map { number in
                loop.task {
                    while true {
                        let client = try await server.client(on: loop)
                        for _ in 0..<number {
                            try await client.write("ping")
                            guard try await client.read() != nil else { break }
                        }
                        number % 2 == 0 ? client.reset() : try await client.close()
                    }
                }
            }
        }
    }
}

private final class LoadedHandler: StreamHandler {
    private let alive: Counter

    init(_ alive: Counter) {
        self.alive = alive
        alive.add()
    }

    deinit { alive.add(-1) }

    func received(_ bytes: RawSpan, on stream: SynchronousStream) { stream.write(bytes) }
}
