import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct ScheduledCallTests {
        @Test(arguments: [false, true])
        func `calls come in the order of their deadlines, none early`(onLoop: Bool) async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let calls = Recorder<Int>()
                let early = Counter()
                let all = Signal(after: 6)
                let schedule: @Sendable () -> Void = {
                    let start = loop.clock.now
                    for milliseconds in [20, 5, 0, 10, 5, -3] {
                        let due = start.advanced(by: .milliseconds(milliseconds))
                        loop.schedule(at: due) {
                            if loop.clock.now < due { early.add() }
                            calls.add(milliseconds)
                            all.fire()
                        }
                    }
                }
                if onLoop {
                    await loop.run { _ in schedule() }
                } else {
                    // A loop that is faster than this thread would make the first calls before it hears of the last.
                    let (isHeld, release) = (Signal(), Signal())
                    loop.post {
                        isHeld.fire()
                        _ = release.waitBlocking()
                    }
                    try await isHeld.wait()
                    schedule()
                    release.fire()
                }
                try await waiting { try await all.wait() }
                #expect(calls.all == [-3, 0, 5, 5, 10, 20])
                #expect(early.value == 0)
            }
        }

        @Test func `a call is made on the loop, outside libuv's callbacks`() async throws {
            try await withTestLoop { loop in
                let order = Recorder<String>()
                let done = Signal()
                let due = loop.clock.now.advanced(by: .milliseconds(1))
                loop.schedule(at: due) {
                    expect(loop.isCurrent, true)
                    // What a call makes ready comes after the calls that were due with it.
                    loop.post { order.add("posted") }
                    order.add("first")
                }
                loop.schedule(at: due) { order.add("second") }
                loop.schedule(at: due.advanced(by: .milliseconds(4))) { done.fire() }
                try await waiting { try await done.wait() }
                #expect(order.all == ["first", "second", "posted"])
            }
        }

        @Test func `a call that was called off is not made and is let go`() async throws {
            try await withTestLoop { loop in
                let alive = Counter()
                var calls: [ScheduledCall] = []
                for index in 0..<100 {
                    let token = Token(alive)
                    calls.append(
                        loop.schedule(after: .milliseconds(index % 7)) { token.use() })
                }
                for call in calls {
                    call.cancel()
                    call.cancel()
                }
                expect(alive.value, 0)
                expect(loop.core.timers.count, 0)
                let done = Signal()
                loop.schedule(after: .milliseconds(10)) { done.fire() }
                try await waiting { try await done.wait() }
            }
        }

        @Test func `a call may call off another that is due with it`() async throws {
            try await withTestLoop { loop in
                let made = Counter()
                let done = Signal()
                let second = Recorder<ScheduledCall>()
                let deadline = loop.clock.now.advanced(by: .milliseconds(2))
                loop.schedule(at: deadline) { second.all[0].cancel() }
                second.add(loop.schedule(at: deadline) { made.add() })
                loop.schedule(after: .milliseconds(6)) { done.fire() }
                try await waiting { try await done.wait() }
                #expect(made.value == 0)
            }
        }

        @Test func `calls set and called off by four threads are made once or never`() async throws
        {
            let count = TestScale.times(2_000, full: 200_000)
            let made = Counter()
            let alive = Counter()
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                await withTaskGroup(of: Void.self) { group in
                    for seed in 0..<4 {
                        group.addTask {
                            var random = Seed(number: UInt64(seed)).generator
                            for _ in 0..<count {
                                let token = Token(alive)
                                let delay = Int.random(in: 0...2_000, using: &random)
                                let call = loop.schedule(after: .microseconds(delay)) {
                                    token.use()
                                    made.add()
                                }
                                if Bool.random(using: &random) { call.cancel() }
                            }
                        }
                    }
                }
                let done = Signal()
                loop.schedule(after: .milliseconds(3)) { done.fire() }
                try await waiting { try await done.wait() }
                await loop.run { _ in }
            }
            #expect(made.value <= 4 * count && made.value > 0)
            #expect(alive.value == 0)
        }

        @Test func `a stop lets calls go that are not due`() async throws {
            let alive = Counter()
            let worker = Worker(name: "calls")
            try worker.start()
            let loop = try worker.loop
            for _ in 0..<10 {
                let token = Token(alive)
                loop.schedule(after: .seconds(1_000)) { token.use() }
            }
            await loop.run { _ in }
            try await waiting { try await worker.stop(within: .zero) }
            let late = Token(alive)
            loop.schedule(after: .zero) { late.use() }.cancel()
            await expectNothingLeft(on: loop)
            withExtendedLifetime(late) { expect(alive.value, 1) }
        }
    }
}

/// Counts itself while it lives, and must be used once at most.
private final class Token: Sendable {
    private let alive: Counter
    private let uses = Counter()

    init(_ alive: Counter) {
        self.alive = alive
        alive.add()
    }

    deinit { alive.add(-1) }

    func use() {
        uses.add()
        precondition(uses.value == 1, "called twice")
    }
}
