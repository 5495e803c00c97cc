/// The loop's timers: one heap over one libuv timer, which is set to the earliest deadline.
extension LoopCore {
    private static let nanosecondsPerMillisecond: UInt64 = 1_000_000

    /// Sets `timer` to fire once the clock has reached `deadline`, in nanoseconds of the monotonic
    /// clock; never early, late by up to a millisecond and what the loop is busy with.
    func schedule(_ timer: LoopTimer, at deadline: UInt64) {
        assert(isCurrent, "a timer is set on another thread than the loop's")
        let earliest = timers.earliest
        timers.insert(timer, deadline: deadline)
        if earliest == nil || deadline < earliest! { setAlarm() }
    }

    func cancel(_ timer: LoopTimer) {
        timers.remove(timer)
        if timers.count == 0 { alarm?.stop() }
    }

    /// Calls what is due. libuv's clock counts whole milliseconds, rounded down, so a deadline rounded
    /// up to one is never early by it.
    func expireTimers() {
        let now = UVLoop.hrtimeNanoseconds
        while let timer = timers.popDue(at: now) { timer.fired() }
        setAlarm()
    }

    /// Ends every timer because the loop stops.
    func stopTimers() {
        while let timer = timers.popAny() { timer.loopStopped() }
        alarm?.stop()
    }

    private func setAlarm() {
        guard let earliest = timers.earliest else { return }
        let unit = Self.nanosecondsPerMillisecond
        let due = earliest / unit + (earliest % unit == 0 ? 0 : 1)
        let now = uv.nowMilliseconds
        alarm?.start(afterMilliseconds: due > now ? due - now : 0)
    }
}
