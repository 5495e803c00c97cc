import Glibc

/// A bound on the descriptors the process may open (setrlimit(2)); only for exit tests.
struct DescriptorLimit {
    private let before: rlimit

    /// Allows `count` more than are open now, at the numbers that are free; fewer while Dispatch has one of these for a
    /// moment, and never more, as there would be if descriptors of the test filled the numbers up.
    static func allowing(_ count: Int) -> DescriptorLimit {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let guarded = DescriptorLimit(before: limit)
        let open = ResourceCheck.openDescriptors(countingTimers: true)
        // Those above the bound stay open.
        var (bound, free) = (0, 0)
        while free < count || open[bound] != nil {
            if open[bound] == nil { free += 1 }
            bound += 1
        }
        limit.rlim_cur = rlim_t(bound)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return guarded
    }

    func restore() {
        var limit = before
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
