import Glibc

/// The CPU time that all threads of the process have used (clock_gettime(2)).
enum ProcessTime {
    static var used: Duration {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
