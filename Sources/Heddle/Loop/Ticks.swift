/// A beat on a loop: an instant at every multiple of an interval from the start, without drift.
///
/// A consumer that is late gets one beat at once, in place of all it missed, and then again those to
/// come. Each iteration over the sequence starts a beat of its own. Nothing runs between beats.
public struct Ticks: AsyncSequence, Sendable {
    /// The instant at which a beat was due, not that at which it was seen.
    public typealias Element = LoopClock.Instant

    let clock: LoopClock
    let interval: Duration

    /// Begins a beat: the first comes one interval from now.
    public func makeAsyncIterator() -> Iterator {
        Iterator(clock: clock, interval: interval, next: clock.now.advanced(by: interval))
    }

    /// One beat, as it goes on.
    public struct Iterator: AsyncIteratorProtocol {
        let clock: LoopClock
        let interval: Duration
        var next: LoopClock.Instant

        /// The next beat; nil once the task is cancelled or the loop stops.
        public mutating func next() async -> LoopClock.Instant? {
            let beat = next
            do {
                try await clock.sleep(until: beat)
            } catch {
                return nil
            }
            next = beat.advanced(by: interval)
            let now = clock.now
            if next <= now {
                let missed = next.duration(to: now) / interval
                next = next.advanced(by: interval * Int(missed.rounded(.down)))
                if next <= now { next = next.advanced(by: interval) }
            }
            return beat
        }
    }
}

extension EventLoop {
    /// A beat every `interval`, the first one interval from the start of each iteration.
    ///
    /// - Parameter interval: at least a millisecond; less is a programming error and traps.
    public nonisolated func ticks(every interval: Duration) -> Ticks {
        precondition(
            interval >= .milliseconds(1), "ticks(every:) needs an interval of 1 ms or more")
        return Ticks(clock: clock, interval: interval)
    }
}
