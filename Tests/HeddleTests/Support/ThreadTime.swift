import Glibc

/// The CPU time that the calling thread has used (clock_gettime(2)).
enum ThreadTime {
    static var used: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
