/// A closure that a loop is to call once, at a time. Kept by the loop until then; dropping this value changes
/// nothing.
///
/// The cheapest timer there is: no task waits. Where async code waits, ``LoopClock/sleep(until:tolerance:)`` reads better.
public struct ScheduledCall: Sendable {
    private let timer: CallTimer

    fileprivate init(_ timer: CallTimer) {
        self.timer = timer
    }

    /// Calls the closure off, and lets it go. Does nothing once it has been called, or again.
    ///
    /// Safe to call from any thread. On the loop the closure is not called after this; elsewhere it may just be
    /// being called.
    public func cancel() {
        let timer = timer
        let core = timer.core
        if core.isCurrent {
            timer.callOff()
        } else {
            core.postUnlessEnded { timer.callOff() }
        }
    }
}

extension EventLoop {
    /// Has `body` called on this loop once `delay` has passed: never early, late by up to a millisecond and what
    /// the loop is busy with. Of two with one deadline, the one scheduled first is called first.
    ///
    /// May be called from any thread. A stop of the loop that comes first lets `body` go uncalled.
    ///
    /// - Parameters:
    ///   - delay: zero or less means the loop's next turn.
    ///   - body: what to call; it must not block.
    @discardableResult
    public nonisolated func schedule(
        after delay: Duration, _ body: @escaping @Sendable () -> Void
    ) -> ScheduledCall {
        schedule(at: clock.now.advanced(by: delay), body)
    }

    /// Has `body` called on this loop at `deadline`; otherwise as ``schedule(after:_:)``.
    ///
    /// - Parameters:
    ///   - deadline: one that has passed means the loop's next turn.
    ///   - body: what to call; it must not block.
    @discardableResult
    public nonisolated func schedule(
        at deadline: LoopClock.Instant, _ body: @escaping @Sendable () -> Void
    ) -> ScheduledCall {
        let core = core
        let timer = CallTimer(core: core, body: body)
        if core.isCurrent {
            timer.set(at: deadline.nanoseconds)
        } else {
            core.postUnlessEnded { timer.set(at: deadline.nanoseconds) }
        }
        return ScheduledCall(timer)
    }
}

/// The timer behind a scheduled call.
// Sendable: everything that changes is used on the loop's thread.
private final class CallTimer: LoopTimer, @unchecked Sendable {
    let core: LoopCore
    /// Let go when it has been called or will not be.
    private var body: (@Sendable () -> Void)?

    init(core: LoopCore, body: @escaping @Sendable () -> Void) {
        self.core = core
        self.body = body
    }

    func set(at deadline: UInt64) {
        // Called off already, or too late for anything.
        guard body != nil, !core.isRefusingWork else {
            body = nil
            return
        }
        core.schedule(self, at: deadline)
    }

    func callOff() {
        core.cancel(self)
        body = nil
    }

    /// In libuv's callback: the call itself comes in the loop's turn.
    override func fired() {
        core.queues.append(.timer(self))
    }

    override func takeTurn() {
        let body = body
        self.body = nil
        body?()
    }

    override func loopStopped() {
        body = nil
    }
}
