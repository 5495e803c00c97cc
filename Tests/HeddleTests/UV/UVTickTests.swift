import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct UVTickTests {
        private final class Client: UVTickClient {
            var turns = 0
            var inTurn: () -> Void = {}

            override func turn() {
                turns += 1
                inTurn()
            }
        }

        @Test func `each iteration has a turn after its poll, the first also before`() throws {
            try withUVLoop { uv in
                let client = Client()
                let tick = try UVTick(loop: uv, client: client)
                for _ in 0..<3 { _ = uv.runWithoutBlocking() }
                #expect(client.turns == 4)
                tick.close()
                uv.run()
            }
        }

        @Test func `what a timer made ready has a turn before the poll may block`() throws {
            try withUVLoop { uv in
                let client = Client()
                let tick = try UVTick(loop: uv, client: client)
                _ = uv.runWithoutBlocking()
                let timer = try UVTimer(loop: uv) { client.inTurn = { uv.stopRunning() } }
                let guardian = try UVTimer(loop: uv) {
                    Issue.record("the poll blocked with work left")
                    uv.stopRunning()
                }
                timer.start(afterMilliseconds: 1)
                guardian.start(afterMilliseconds: 5000)
                uv.run()
                client.inTurn = {}
                timer.close()
                guardian.close()
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
                let timer = try UVTimer(loop: uv) { uv.stopRunning() }
                timer.start(afterMilliseconds: 5)
                uv.run()
                #expect(client.turns > 10, "it went round while the timer was waiting")
                tick.setSpinning(false)
                client.turns = 0
                timer.start(afterMilliseconds: 5)
                uv.run()
                #expect(client.turns <= 6, "it slept until the timer")
                timer.close()
                tick.close()
                uv.run()
            }
        }
    }
}
