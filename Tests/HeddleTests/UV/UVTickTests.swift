import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct UVTickTests {
        private final class Client: UVTickClient {
            var calls: [String] = []

            func beforePoll() { calls.append("before") }
            func afterPoll() { calls.append("after") }
        }

        @Test func `each iteration calls before its poll and after it`() throws {
            try withUVLoop { uv in
                let client = Client()
                let tick = try UVTick(loop: uv, client: client)
                for _ in 0..<3 { _ = uv.runWithoutBlocking() }
                #expect(client.calls == ["before", "after", "before", "after", "before", "after"])
                tick.close()
                uv.run()
            }
        }

        @Test func `a spinning tick does not let the poll block, nor timers starve`() throws {
            // libuv: idle_starvation, loop_backend_timeout.
            try withUVLoop { uv in
                let client = Client()
                let tick = try UVTick(loop: uv, client: client)
                tick.setSpinning(true)
                tick.setSpinning(true)
                #expect(tick.isSpinning)
                let timer = try UVTimer(loop: uv) { uv.stopRunning() }
                timer.start(afterMilliseconds: 5)
                uv.run()
                #expect(client.calls.count > 10, "it went round while the timer was waiting")
                tick.setSpinning(false)
                client.calls = []
                timer.start(afterMilliseconds: 5)
                uv.run()
                #expect(client.calls.count <= 6, "it slept until the timer")
                timer.close()
                tick.close()
                uv.run()
            }
        }
    }
}
