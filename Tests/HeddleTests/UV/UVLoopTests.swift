import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// Equivalents of libuv's own tests, through the typed wrappers.
    @Suite struct UVLoopTests {
        @Test func `a loop with nothing in it closes at once`() throws {
            // libuv: loop_instant_close, loop_alive.
            try withUVLoop { uv in
                #expect(!uv.runWithoutBlocking())
                uv.run()
                #expect(uv.openHandles().isEmpty)
            }
        }

        @Test func `a loop with an open handle refuses to close and names it`() throws {
            // libuv: loop_close.
            try withUVLoop { uv in
                let timer = try UVTimer(loop: uv) {}
                #expect(throws: UVError(status: UVStatus.busy)) { try uv.close() }
                #expect(uv.liveDescription == "timer: 1")
                timer.close()
                #expect(!uv.isClosed)
                uv.run()
            }
        }

        @Test func `stopping makes a run return, and the next one goes on`() throws {
            // libuv: loop_stop.
            try withUVLoop { uv in
                var beats = 0
                var timer: UVTimer!
                timer = try UVTimer(loop: uv) {
                    beats += 1
                    if beats == 3 { uv.stopRunning() }
                    if beats < 6 { timer.start(afterMilliseconds: 1) }
                }
                timer.start(afterMilliseconds: 1)
                uv.run()
                #expect(beats == 3)
                uv.run()
                #expect(beats == 6)
                timer.close()
                uv.run()
                timer = nil
            }
        }

        @Test func `a stop before the run makes that run return at once`() throws {
            try withUVLoop { uv in
                let timer = try UVTimer(loop: uv) { Issue.record("fired") }
                timer.start(afterMilliseconds: 3_600_000)
                uv.stopRunning()
                uv.run()
                timer.close()
                uv.run()
            }
        }

        @Test func `the walk finds every handle that is open, by kind`() throws {
            // libuv: walk_handles.
            try withUVLoop { uv in
                let timers = try (0..<3).map { _ in try UVTimer(loop: uv) {} }
                let async = try UVAsync(loop: uv) {}
                #expect(uv.openHandles().count == 4)
                #expect(uv.liveCount(.timer) == 3)
                timers[0].close()
                #expect(uv.openHandles().count == 3, "what is closing is not open")
                #expect(uv.liveCount(.timer) == 3, "but it lives until its callback")
                timers[1].close()
                timers[2].close()
                async.close()
                #expect(uv.openHandles().isEmpty)
                uv.run()
                #expect(uv.liveCount(.timer) == 0)
            }
        }

        @Test func `closing twice closes once, also from the handle's own callback`() throws {
            try withUVLoop { uv in
                var fired = 0
                var timer: UVTimer!
                timer = try UVTimer(loop: uv) {
                    fired += 1
                    timer.close()
                    timer.close()
                }
                timer.start(afterMilliseconds: 1)
                uv.run()
                #expect(fired == 1)
                #expect(timer.phase == .closed)
                timer.close()
                #expect(timer.phase == .closed)
                timer = nil
            }
        }

        @Test func `close callbacks come after the callbacks of the iteration that closes`() throws
        {
            // libuv: close_order.
            try withUVLoop { uv in
                var order: [String] = []
                var pipe: [Int32] = [0, 0]
                #expect(Glibc.pipe(&pipe) == 0)
                defer { pipe.forEach { close($0) } }
                let poll = try WatchedPoll(loop: uv, descriptor: pipe[0])
                poll.closed = { order.append("poll closed") }
                let first = try UVTimer(loop: uv) {
                    order.append("first timer")
                    poll.close()
                }
                let second = try UVTimer(loop: uv) { order.append("second timer") }
                first.start(afterMilliseconds: 1)
                second.start(afterMilliseconds: 1)
                uv.run()
                #expect(order == ["first timer", "second timer", "poll closed"])
                first.close()
                second.close()
                uv.run()
            }
        }

        @Test func `a handle lives until its close callback and no longer`() throws {
            try withUVLoop { uv in
                weak var handle: UVTimer?
                do {
                    let timer = try UVTimer(loop: uv) {}
                    handle = timer
                }
                #expect(handle != nil, "the loop keeps it while it is open")
                handle?.close()
                #expect(handle != nil)
                uv.run()
                #expect(handle == nil)
            }
        }

        @Test func `a closed handle that a queue refers to is kept until its turn`() throws {
            try withUVLoop { uv in
                weak var handle: UVTimer?
                do {
                    let timer = try UVTimer(loop: uv) {}
                    handle = timer
                    timer.isAwaitingTurn = true
                    timer.close()
                }
                uv.run()
                uv.releaseFinishedTurns()
                #expect(handle != nil)
                handle?.isAwaitingTurn = false
                uv.releaseFinishedTurns()
                #expect(handle == nil)
            }
        }

        @Test func `using a closed handle traps, in release builds too`() async {
            await #expect(processExitsWith: .failure) {
                let uv = try UVLoop()
                let timer = try UVTimer(loop: uv) {}
                timer.close()
                uv.run()
                timer.start(afterMilliseconds: 1)
            }
        }
    }
}
