import Glibc

/// The clock that latencies are measured by.
enum Stopwatch {
    /// The monotonic clock in nanoseconds, straight from the system.
    static var now: UInt64 {
        var time = timespec()
        // Every Linux has this clock, so the call cannot fail.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
