import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct UVTimerTests {
        @Test func `timers fire in the order of their deadlines, then of their setting`() throws {
            // libuv: timer_order.
            try withUVLoop { uv in
                var order: [Int] = []
                let timers = try (0..<3).map { number in
                    try UVTimer(loop: uv) { order.append(number) }
                }
                timers[2].start(afterMilliseconds: 2)
                timers[0].start(afterMilliseconds: 1)
                timers[1].start(afterMilliseconds: 1)
                uv.run()
                #expect(order == [0, 1, 2])
                timers.forEach { $0.close() }
                uv.run()
            }
        }

        @Test func `a timer set to zero from its own callback leaves the timer phase`() throws {
            try withUVLoop { uv in
                var fired = 0
                var timer: UVTimer!
                timer = try UVTimer(loop: uv) {
                    fired += 1
                    timer.start(afterMilliseconds: 0)
                }
                timer.start(afterMilliseconds: 0)
                while fired == 0 { _ = uv.runWithoutBlocking() }
                #expect(fired == 1, "in libuv it would never come out")
                timer.close()
                uv.run()
                timer = nil
            }
        }

        @Test func `a huge timeout neither fires nor overflows`() throws {
            // libuv: timer_huge_timeout, timer_huge_repeat.
            try withUVLoop { uv in
                let huge = try UVTimer(loop: uv) { Issue.record("fired") }
                let small = try UVTimer(loop: uv) { uv.stopRunning() }
                huge.start(afterMilliseconds: .max)
                small.start(afterMilliseconds: 1)
                uv.run()
                huge.close()
                small.close()
                uv.run()
            }
        }

        @Test func `starting again moves the deadline`() throws {
            // libuv: timer_again.
            try withUVLoop { uv in
                var order: [String] = []
                let moved = try UVTimer(loop: uv) { order.append("moved") }
                let other = try UVTimer(loop: uv) { order.append("other") }
                moved.start(afterMilliseconds: 1)
                other.start(afterMilliseconds: 2)
                moved.start(afterMilliseconds: 4)
                uv.run()
                #expect(order == ["other", "moved"])
                moved.close()
                other.close()
                uv.run()
            }
        }

        @Test func `a stopped timer does not fire and does not keep the loop alive`() throws {
            try withUVLoop { uv in
                let timer = try UVTimer(loop: uv) { Issue.record("fired") }
                timer.start(afterMilliseconds: 1)
                timer.stop()
                timer.stop()
                uv.run()
                timer.close()
                uv.run()
            }
        }

        @Test func `a timer is never early by the loop's own clock`() throws {
            // libuv: timer_early_check.
            try withUVLoop { uv in
                let start = uv.nowMilliseconds
                var end: UInt64 = 0
                let timer = try UVTimer(loop: uv) { end = uv.nowMilliseconds }
                timer.start(afterMilliseconds: 10)
                uv.run()
                #expect(end >= start + 10)
                timer.close()
                uv.run()
            }
        }
    }
}
