/// How a wait on a loop ended.
enum WaitEnd {
    case pending, fired, cancelled, loopStopped
}

/// One suspended task, woken exactly once by its loop. Owned by the operation that waits; used on the
/// loop's thread.
///
/// A task waits by `LoopCore.park`, which leaves the task's job here; waking makes the job ready. What
/// ends the wait first decides; later ends change nothing.
// Exclusivity: the fields are read and set by single statements.
class Waiter {
    private final var job: UnownedJob?
    /// The only task that may park here, 0 for any. Another is sent on at once, with a mark.
    final var expectedTask: UInt = 0
    final var wasStranger = false
    private(set) final var end = WaitEnd.pending
    // Of a waiter that is used again and again, and so never ends: which wait this is, and whether that was cancelled.
    @safe @exclusivity(unchecked) final var wasCancelled = false
    @safe @exclusivity(unchecked) final var number: UInt32 = 0

    /// Ends the wait, if nothing has yet; whether this did.
    @discardableResult
    final func finish(_ end: WaitEnd, on core: LoopCore) -> Bool {
        guard self.end == .pending else { return false }
        self.end = end
        wake(on: core.queues)
        return true
    }

    /// Makes the parked job ready without ending anything: it looks again and may park again.
    @inline(__always)
    final func wake(on turn: TurnQueues) {
        guard let job else { return }
        self.job = nil
        turn.append(.taskJob(job))
    }

    /// Takes the job of the task that is parking.
    @inline(__always)
    final func hold(_ job: UnownedJob, on turn: TurnQueues) {
        assert(self.job == nil, "two tasks parked in one place")
        if expectedTask != 0, expectedTask != Self.identity(of: job) {
            wasStranger = true
            turn.append(.taskJob(job))
        } else {
            self.job = job
        }
    }

    /// The task behind a job, as a number to compare.
    @inline(__always)
    private static func identity(of job: UnownedJob) -> UInt {
        // A task is its own job: both are the one pointer to it. Only its value is used.
        unsafe unsafeBitCast(job, to: UInt.self)
    }
}
