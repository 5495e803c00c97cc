/// A step of a loop's stop that has been taken, in the order of the architecture's fifth law.
package enum StopPhase: Int, CaseIterable, Sendable {
    /// A listener has closed; told once for each.
    case listenerClosed
    /// No connection of a server and no body is left, or the grace has passed for them.
    case connectionsEnded
    /// The timers and signal watchers are closed.
    case timersClosed
    /// The inbox takes nothing more.
    case inboxShut
    /// `uv_loop_close` returned 0.
    case loopClosed
}

extension EventLoop {
    /// Has `observer` told of each phase of this loop's stop when it is over, on the loop's thread, where it
    /// must not block. One observer at a time; may be called from any thread, before the stop.
    package nonisolated func observeStop(_ observer: @escaping @Sendable (StopPhase) -> Void) {
        let core = core
        // After the end nobody would let it go again.
        core.post { if !core.uv.isClosed { core.stopObserver = observer } }
    }
}
