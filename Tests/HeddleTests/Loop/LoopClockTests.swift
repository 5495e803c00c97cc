import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct LoopClockTests {
        @Test func `a sleep is never early`() async throws {
            // libuv: timer_early_check.
            try await withTestLoop { loop in
                for microseconds in stride(from: 1, to: 4000, by: 137) {
                    let limit = Duration.microseconds(microseconds)
                    let start = loop.clock.now
                    try await loop.clock.sleep(for: limit)
                    let passed = start.duration(to: loop.clock.now)
                    #expect(passed >= limit, "\(passed) of \(limit)")
                }
            }
        }

        @Test func `sleepers wake in the order of their deadlines`() async throws {
            // libuv: timer_order.
            try await withTestLoop { loop in
                let order = try await Self.orderOfWaking(on: loop, [3, 1, 4, 0, 2])
                #expect(order == [0, 1, 2, 3, 4])
            }
        }

        @Test func `sleepers of one deadline wake in the order they lay down`() async throws {
            try await withTestLoop { loop in
                let order = try await Self.orderOfWaking(on: loop, Array(0..<100), apart: .zero)
                #expect(order == Array(0..<100))
            }
        }

        /// Lets tasks lie down in the order of `numbers`, each to sleep until `apart` times its number
        /// from a common start; the numbers in the order they woke.
        ///
        /// On a busy machine the first deadlines may have passed before the last task lies down, which then does not
        /// sleep at all, and the order is another: that is tried again with more time.
        private static func orderOfWaking(
            on loop: EventLoop, _ numbers: [Int], apart: Duration = .milliseconds(3)
        ) async throws -> [Int] {
            var head = Duration.milliseconds(10)
            while true {
                let order = Recorder<Int>()
                var asleep = 0
                let start = loop.clock.now.advanced(by: head)
                try await withThrowingDiscardingTaskGroup { group in
                    for number in numbers {
                        group.addTask {
                            try await loop.clock.sleep(until: start.advanced(by: apart * number))
                            order.add(number)
                        }
                    }
                    // Behind all of them in the loop's queue.
                    await Task.yield()
                    asleep = loop.core.timers.count
                }
                if asleep == numbers.count || head > .seconds(2) { return order.all }
                head *= 4
            }
        }

        @Test func `a deadline that has passed returns at once, without a timer`() async throws {
            try await withTestLoop { loop in
                try await loop.clock.sleep(until: loop.clock.now)
                try await loop.clock.sleep(for: .seconds(-5))
                try await loop.clock.sleep(for: .zero)
                #expect(loop.core.timers.count == 0)
            }
        }

        @Test func `a deadline after the end of the world waits, and can be cancelled`()
            async throws
        {
            // libuv: timer_huge_timeout.
            try await withTestLoop { loop in
                let sleeper = loop.task { try await loop.clock.sleep(for: .seconds(Int64.max)) }
                try await loop.clock.sleep(for: .milliseconds(2))
                #expect(loop.core.timers.count == 1)
                sleeper.cancel()
                await #expect(throws: CancellationError.self) { try await sleeper.value }
                #expect(loop.core.timers.count == 0)
            }
        }

        @Test func `a cancelled task does not sleep`() async throws {
            try await withTestLoop { loop in
                let task = loop.task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    await #expect(throws: CancellationError.self) {
                        try await loop.clock.sleep(for: .seconds(1000))
                    }
                    await #expect(throws: CancellationError.self) {
                        try await loop.clock.sleep(for: .zero)
                    }
                }
                try await task.value
                #expect(loop.core.timers.count == 0)
            }
        }

        @Test func `Swift's own sleep works with the clock and stays on the loop`() async throws {
            try await withTestLoop { loop in
                let start = loop.clock.now
                try await Task.sleep(until: start.advanced(by: .milliseconds(3)), clock: loop.clock)
                #expect(loop.isCurrent)
                #expect(start.duration(to: loop.clock.now) >= .milliseconds(3))
                try await Task.sleep(
                    for: .milliseconds(1), tolerance: .seconds(1), clock: loop.clock)
                let measured = loop.clock.measure { _ = loop.now }
                #expect(measured >= .zero)
            }
        }

        @Test func `a task that is not on the loop may sleep on its clock`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (first, second) = (runtime.loops[0], runtime.loops[1])
                try await first.clock.sleep(for: .milliseconds(2))
                #expect(!first.isCurrent)
                try await first.task {
                    try await second.clock.sleep(for: .milliseconds(2))
                    #expect(first.isCurrent)
                }.value
            }
        }

        @Test func `the loop's time is that of its iteration`() async throws {
            // libuv: loop_update_time.
            try await withTestLoop { loop in
                let before = loop.now
                let until = loop.clock.now.advanced(by: .milliseconds(5))
                while loop.clock.now < until {}
                #expect(loop.now == before, "busy code does not see it move")
                try await loop.clock.sleep(for: .milliseconds(1))
                #expect(loop.now > before)
                #expect(loop.now <= loop.clock.now)
            }
        }

        @Test func `a loop that stops ends its sleepers`() async throws {
            let sleeper = Recorder<Task<Void, any Error>>()
            try await withTestLoop { loop in
                sleeper.add(loop.task { try await loop.clock.sleep(for: .seconds(1000)) })
                try await loop.clock.sleep(for: .milliseconds(2))
            }
            let error = await #expect(throws: IOError.self) { try await sleeper.all[0].value }
            #expect(error?.code == .loopStopped)
            #expect(error.map { "\($0)" }?.contains("test-loop") == true)
        }

        @Test func `instants count without overflow`() {
            typealias Instant = LoopClock.Instant
            let zero = Instant(nanoseconds: 0)
            #expect(zero.advanced(by: .seconds(2)).nanoseconds == 2_000_000_000)
            #expect(zero.advanced(by: .seconds(-2)) == zero)
            let end = zero.advanced(by: .seconds(Int64.max))
            #expect(end.advanced(by: .seconds(1)) == end)
            #expect(end > zero)
            #expect(zero.advanced(by: .nanoseconds(5)).duration(to: zero) == .nanoseconds(-5))
            #expect(
                Instant(nanoseconds: .max).advanced(by: .seconds(1)).nanoseconds
                    >= UInt64(Int64.max))
        }

        @Test func `durations are clamped to 64 bits of nanoseconds and read well`() {
            #expect(Duration.seconds(Int64.max).clampedNanoseconds == .max)
            #expect(Duration.seconds(Int64.min).clampedNanoseconds == .min)
            #expect(Duration.milliseconds(-1).clampedNanoseconds == -1_000_000)
            #expect(Duration.seconds(2).text == "2 s")
            #expect(Duration.milliseconds(1500).text == "1500 ms")
        }
    }
}
