import Testing

@testable import Heddle

extension HeddleTests {
    /// FAULTS.md N15, on a running loop: timers as operations set them, without tasks.
    @Suite struct LoopTimersTests {
        /// Notes the moments at which its timers fire.
        private final class Log {
            var order: [(deadline: UInt64, number: Int)] = []
            var early = 0
            var ofCancelled = 0
            let all: Signal

            init(_ count: Int) { all = Signal(after: count) }
        }

        private final class LoggedTimer: LoopTimer {
            let number: Int
            let deadline: UInt64
            var isCancelled = false
            private let log: Log

            init(_ number: Int, deadline: UInt64, _ log: Log) {
                self.number = number
                self.deadline = deadline
                self.log = log
            }

            override func fired() {
                if UVLoop.hrtimeNanoseconds < deadline { log.early += 1 }
                if isCancelled { log.ofCancelled += 1 }
                log.order.append((deadline, number))
                log.all.fire()
            }
        }

        /// 20,000 set and as many cancelled; a million each with `HEDDLE_TEST_SCALE=full`.
        @Test(arguments: Seed.some(1))
        func `timers fire in order, none early, none twice and none that is cancelled`(
            seed: Seed
        ) async throws {
            // libuv: timer_order, timer_early_check.
            let count = TestScale.times(20_000, full: 1_000_000)
            try await withTestLoop(limit: .seconds(300)) { loop in
                var random = seed.generator
                let core = loop.core
                let log = Log(count)
                let now = UVLoop.hrtimeNanoseconds
                // From deadlines that pass while they are set to some that are to come.
                let timers = (0..<2 * count).map { number in
                    let delay = UInt64.random(in: 0..<300_000_000, using: &random)
                    return LoggedTimer(number, deadline: now + delay, log)
                }
                for timer in timers { core.schedule(timer, at: timer.deadline) }
                for timer in timers where timer.number % 2 == 0 {
                    timer.isCancelled = true
                    core.cancel(timer)
                }
                #expect(core.timers.count == count)
                try await log.all.wait()
                try await loop.clock.sleep(for: .milliseconds(2))
                #expect(log.order.count == count, "none twice")
                #expect(Set(log.order.map(\.number)).count == count)
                #expect(log.early == 0)
                #expect(log.ofCancelled == 0)
                let disordered = zip(log.order, log.order.dropFirst()).filter { $0 > $1 }
                #expect(disordered.isEmpty)
                #expect(core.timers.count == 0)
            }
        }
    }
}
