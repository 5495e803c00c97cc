/// How a wait on a loop ended.
enum WaitEnd {
    case pending, fired, cancelled, loopStopped
}

/// One suspended task, woken exactly once by its loop. Owned by the operation that waits; used on the
/// loop's thread.
///
/// A task waits by `LoopCore.park`, which leaves the task's job here; waking makes the job ready. What
/// ends the wait first decides; later ends change nothing.
class Waiter {
    @safe @exclusivity(unchecked) fileprivate(set) final var job: UnownedJob?
    private(set) final var end = WaitEnd.pending

    /// Ends the wait, if nothing has yet; whether this did.
    @discardableResult
    final func finish(_ end: WaitEnd, on core: LoopCore) -> Bool {
        guard self.end == .pending else { return false }
        self.end = end
        wake(on: core)
        return true
    }

    /// Makes the parked job ready without ending anything: it looks again and may park again.
    @inline(__always)
    final func wake(on core: LoopCore) {
        guard let job else { return }
        self.job = nil
        core.makeReady(.taskJob(job))
    }

    /// Takes the job of the task that is parking.
    @inline(__always)
    final func hold(_ job: UnownedJob) {
        assert(self.job == nil, "two tasks parked in one place")
        self.job = job
    }
}
