import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct UVTickTests {
        private final class Client: UVTickClient {
            var turns = 0
            /// Called in each turn.
            var onTurn: (Int) -> Void = { _ in }

            override func turn() {
                turns += 1
                onTurn(turns)
            }
        }

        @Test func `each iteration has a turn after its poll`() throws {
            try withUVLoop { uv in
                let client = Client()
                let tick = try UVTick(loop: uv, client: client)
                for _ in 0..<3 { _ = uv.runWithoutBlocking() }
                #expect(client.turns == 4, "one before the first poll, for what was ready then")
                tick.close()
                uv.run()
            }
        }

        @Test func `a timer that fires gives a turn before the poll`() throws {
            // libuv: timer_early_check; with nothing else to do the poll would block for ever.
            try withUVLoop { uv in
                let client = Client()
                let tick = try UVTick(loop: uv, client: client)
                _ = uv.runWithoutBlocking()
                var hasFired = false
                let timer = try UVTimer(loop: uv) { hasFired = true }
                timer.start(afterMilliseconds: 1)
                while !hasFired {
                    client.turns = 0
                    _ = uv.runWithoutBlocking()
                }
                #expect(client.turns == 2, "the iteration of the timer has one before its poll too")
                client.turns = 0
                _ = uv.runWithoutBlocking()
                #expect(client.turns == 1, "others have not")
                tick.armPrepare()
                tick.armPrepare()
                client.turns = 0
                _ = uv.runWithoutBlocking()
                #expect(client.turns == 2, "asked for twice, a turn before the poll comes once")
                timer.close()
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
                // Nothing else would end the poll.
                client.onTurn = { turns in if turns == 100 { uv.stopRunning() } }
                let never = try UVTimer(loop: uv) {
                    Issue.record("the poll blocked")
                    uv.stopRunning()
                }
                never.start(afterMilliseconds: 30_000)
                uv.run()
                #expect(client.turns == 100)
                client.onTurn = { _ in }
                let timer = try UVTimer(loop: uv) { uv.stopRunning() }
                timer.start(afterMilliseconds: 5)
                uv.run()
                tick.setSpinning(false)
                client.turns = 0
                timer.start(afterMilliseconds: 5)
                uv.run()
                #expect(client.turns <= 6, "it slept until the timer")
                never.close()
                timer.close()
                tick.close()
                uv.run()
            }
        }
    }
}
