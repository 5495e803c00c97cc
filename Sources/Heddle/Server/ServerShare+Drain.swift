/// How a share ends while its loop goes on: with patience, and then without.
extension ServerShare: ServingShare {
    /// Stops listening and waits for the connections until `deadline`, then cancels them and waits
    /// until they have ended. On the loop.
    func drain(until deadline: UInt64) async {
        beginDrain()
        let alarm = CancelAlarm(share: self)
        if !isIdle, !core.isRefusingWork { core.schedule(alarm, at: deadline) }
        while !hasDrained, !core.uv.isClosed {
            let waiter = Waiter()
            drainers.append(waiter)
            while waiter.end == .pending { await core.park(waiter) }
        }
        if core.isCurrent, !core.uv.isClosed { core.cancel(alarm) }
    }
}

/// The end of a server's patience with its connections.
private final class CancelAlarm: LoopTimer {
    private let share: ServerShare

    init(share: ServerShare) {
        self.share = share
    }

    override func fired() {
        share.cancelRemaining()
    }
}
