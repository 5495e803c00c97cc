/// The clock of one loop: monotonic, in nanoseconds, never set back, standing still while the machine
/// sleeps (`CLOCK_MONOTONIC`, see clock_gettime(2)).
///
/// Deadlines are kept by the loop's timers, which count whole milliseconds rounded up: a sleep never
/// ends early, and late by up to a millisecond plus what the loop is busy with. A task on the loop
/// sleeps and wakes without leaving its thread; `Task.sleep(until:clock:)` works with it too.
public struct LoopClock: Clock {
    /// A point in time of the monotonic clock. Instants of different loops may be compared.
    public struct Instant: InstantProtocol, Hashable {
        let nanoseconds: UInt64

        /// The instant `duration` later, or earlier if that is negative; kept within what the clock can count.
        public func advanced(by duration: Duration) -> Instant {
            let distance = duration.clampedNanoseconds
            let (sum, overflow) = Int64(clamping: nanoseconds).addingReportingOverflow(distance)
            if overflow { return Instant(nanoseconds: distance < 0 ? 0 : UInt64(Int64.max)) }
            return Instant(nanoseconds: UInt64(max(0, sum)))
        }

        /// The time from this instant to `other`; negative if that is earlier.
        public func duration(to other: Instant) -> Duration {
            .nanoseconds(Int64(clamping: other.nanoseconds) - Int64(clamping: nanoseconds))
        }

        /// Whether the left instant is the earlier one.
        public static func < (left: Instant, right: Instant) -> Bool {
            left.nanoseconds < right.nanoseconds
        }
    }

    let loop: EventLoop

    /// The time now, asked of the system; ``EventLoop/now`` saves the call.
    public var now: Instant { Instant(nanoseconds: UVLoop.hrtimeNanoseconds) }

    /// A millisecond: what the loop's timers count in.
    public var minimumResolution: Duration { .milliseconds(1) }

    /// Sleeps until `deadline`; a deadline that has passed lets others have a turn.
    ///
    /// - Parameters:
    ///   - deadline: when to go on; never earlier.
    ///   - tolerance: ignored: the loop wakes for the earliest deadline anyway.
    /// - Throws: `CancellationError` when the task is cancelled, at once; ``IOError`` with
    ///   ``IOError/Code/loopStopped`` when the loop stops first.
    public func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        let core = loop.core
        guard core.isCurrent else {
            try await core.hop { try await core.sleep(untilNanoseconds: deadline.nanoseconds) }
            return
        }
        try await core.sleep(untilNanoseconds: deadline.nanoseconds)
    }
}

extension LoopCore {
    func sleep(untilNanoseconds deadline: UInt64) async throws {
        guard !isRefusingWork else { throw stoppedError("sleep") }
        if deadline <= UVLoop.hrtimeNanoseconds {
            // Others have their turn first: a task that sleeps in a loop must not keep the thread.
            await Task.yield()
            try Task.checkCancellation()
            return
        }
        let alarm = WaitTimer(core: self)
        schedule(alarm, at: deadline)
        defer { cancel(alarm) }
        try await waitOrThrow(for: alarm.waiter, "sleep")
    }
}

extension Duration {
    /// In nanoseconds, as far as 64 bits reach: 292 years either way.
    var clampedNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflow2) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || overflow2 ? (seconds < 0 ? .min : .max) : sum
    }

    /// For messages: seconds without needless digits.
    var text: String {
        let milliseconds = clampedNanoseconds / 1_000_000
        return milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
    }
}
