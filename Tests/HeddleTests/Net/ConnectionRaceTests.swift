import Testing

@testable import Heddle

extension HeddleTests {
    /// RFC 8305: the order of attempts without sockets, then races of real ones.
    @Suite struct ConnectionRaceTests {
        @Test func `the families take turns, beginning with the first`() throws {
            let addresses = try ["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1", "2.0.0.2:1"]
                .map { try SocketAddress($0) }
            #expect(
                ConnectionRace.order(addresses).map(\.ip)
                    == ["::1", "1.0.0.1", "::2", "2.0.0.2", "::3"])
            #expect(
                ConnectionRace.order(addresses.reversed()).map(\.ip)
                    == ["2.0.0.2", "::3", "1.0.0.1", "::2", "::1"])
            #expect(ConnectionRace.order([]).isEmpty)
        }

        @Test func `attempts start one after the other, and the race ends with the last`() {
            var race = ConnectionRace(count: 3)
            #expect(race.advance() == .attempt(0))
            #expect(race.advance() == .attempt(1), "the first had its time")
            #expect(race.failed() == .attempt(2))
            #expect(!race.hasMore)
            #expect(race.advance() == .wait)
            #expect(race.failed() == .wait)
            #expect(race.failed() == .giveUp)
        }

        @Test func `no more run at once than the bound`() {
            var race = ConnectionRace(count: 100)
            for number in 0..<ConnectionRace.maximumRunning {
                #expect(race.advance() == .attempt(number))
            }
            #expect(race.advance() == .wait)
            #expect(race.failed() == .attempt(ConnectionRace.maximumRunning))
        }

        @Test func `without time nothing more starts, and what runs is waited for`() {
            var race = ConnectionRace(count: 5)
            _ = race.advance()
            _ = race.advance()
            race.startNoMore()
            #expect(race.failed() == .wait)
            #expect(race.failed() == .giveUp)
        }

        private static func connect(
            to addresses: [SocketAddress], on loop: EventLoop, timeout: Duration = .seconds(20)
        ) async throws -> TCPConnection {
            let connector = try TCPConnector(
                endpoint: "raced.example:80", timeout: timeout, options: TCPOptions())
            let deadline = UVLoop.hrtimeNanoseconds + UInt64(timeout.clampedNanoseconds)
            return try await connector.connect(to: addresses, on: loop.core, until: deadline)
        }

        @Test func `an address that does not answer is overtaken by the next`() async throws {
            try await withTestLoop { loop in
                let hole = try BlackHole()
                let listener = try RawSocket.listening()
                defer {
                    hole.close()
                    listener.close()
                }
                let start = loop.clock.now
                let near = try await Self.connect(to: [hole.address, listener.address], on: loop)
                #expect(near.remoteAddress == listener.address)
                #expect(start.duration(to: loop.clock.now) >= .milliseconds(250))
                try listener.accept().close()
                try await near.close()
                try await expectNoConnections(on: loop)
                #expect(loop.core.timers.count == 0, "the delays are called off")
            }
        }

        @Test func `when one fails the next starts at once`() async throws {
            try await withTestLoop { loop in
                let probe = try RawSocket.listening()
                let closed = probe.address
                probe.close()
                let listener = try RawSocket.listening()
                defer { listener.close() }
                var took = Duration.seconds(1)
                // A machine that is busy with others may be late now and then, not always.
                for _ in 0..<5 where took >= .milliseconds(200) {
                    let start = loop.clock.now
                    let near = try await Self.connect(to: [closed, listener.address], on: loop)
                    took = start.duration(to: loop.clock.now)
                    #expect(near.remoteAddress == listener.address)
                    try listener.accept().close()
                    try await near.close()
                }
                #expect(took < .milliseconds(200), "it did not wait for the delay")
                try await expectNoConnections(on: loop)
            }
        }

        @Test func `when nobody answers each failure is told, at the timeout`() async throws {
            try await withTestLoop { loop in
                let probe = try RawSocket.listening()
                let closed = probe.address
                probe.close()
                let hole = try BlackHole()
                defer { hole.close() }
                let start = loop.clock.now
                let error = await #expect(throws: IOError.self) {
                    try await Self.connect(
                        to: [hole.address, closed], on: loop, timeout: .milliseconds(400))
                }
                #expect(start.duration(to: loop.clock.now) >= .milliseconds(400))
                #expect(error?.subject == "raced.example:80")
                #expect(Set(error?.causes.map(\.code) ?? []) == [.timedOut, .connectionRefused])
                try await expectNoConnections(on: loop)
                #expect(loop.core.timers.count == 0)
            }
        }

        @Test func `a cancelled race closes every socket`() async throws {
            try await withTestLoop { loop in
                let hole = try BlackHole()
                defer { hole.close() }
                for round in 0..<20 {
                    let attempt = loop.task {
                        try await Self.connect(
                            to: [hole.address, hole.address, hole.address], on: loop)
                    }
                    for _ in 0..<round % 6 { await Task.yield() }
                    if round == 0 { try await loop.clock.sleep(for: .milliseconds(300)) }
                    attempt.cancel()
                    await #expect(throws: CancellationError.self) { try await attempt.value }
                    try await expectNoConnections(on: loop)
                    #expect(loop.core.timers.count == 0)
                }
            }
        }

        @Test func `a stop in the middle of a race ends it as stopped`() async throws {
            let hole = try BlackHole()
            defer { hole.close() }
            let runtime = try Runtime.start(.init(threads: 1))
            let loop = runtime.loops[0]
            let attempt = loop.task {
                try await Self.connect(to: [hole.address, hole.address], on: loop)
            }
            try await waiting(for: .seconds(10), "the attempt") {
                while loop.core.openConnections == 0 { await Task.yield() }
            }
            try await waiting { try await runtime.stop(within: .zero) }
            let error = await #expect(throws: IOError.self) { try await attempt.value }
            #expect(error?.code == .loopStopped)
            await expectNothingLeft(on: loop)
        }

        /// Two listeners that answer at about the same time, and a cancel among them.
        @Test(arguments: Seed.some(2))
        func `whoever wins, no other connection is left`(seed: Seed) async throws {
            try await withTestLoop(limit: .seconds(120)) { loop in
                var random = seed.generator
                let first = try RawSocket.listening(backlog: 4_096)
                let second = try RawSocket.listening(backlog: 4_096)
                defer {
                    first.close()
                    second.close()
                }
                for _ in 0..<TestScale.times(200, full: 2_000) {
                    let attempt = loop.task {
                        try await Self.connect(to: [first.address, second.address], on: loop)
                    }
                    for _ in 0..<Int.random(in: 0...30, using: &random) { await Task.yield() }
                    attempt.cancel()
                    switch await attempt.result {
                    case .success(let near): try await near.close()
                    case .failure(let error): #expect(error is CancellationError, "\(error)")
                    }
                    try await expectNoConnections(on: loop)
                }
            }
        }
    }
}
