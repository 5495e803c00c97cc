/// A deadline that a task waits for, unless something else ends the wait first. Owned by the operation
/// that waits; used on the loop's thread.
final class WaitTimer: LoopTimer {
    let waiter = Waiter()
    /// Whether the deadline ended the wait.
    private(set) var timedOut = false
    private unowned let core: LoopCore

    init(core: LoopCore) {
        self.core = core
    }

    override func fired() {
        timedOut = waiter.finish(.fired, on: core)
    }

    override func loopStopped() {
        waiter.finish(.loopStopped, on: core)
    }
}
