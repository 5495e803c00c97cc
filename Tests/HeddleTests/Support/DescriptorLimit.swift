import Glibc

/// A bound on the descriptors the process may open (setrlimit(2)); only for exit tests.
struct DescriptorLimit {
    private let before: rlimit

    /// Allows `count` more than are open now.
    static func allowing(_ count: Int) -> DescriptorLimit {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let guarded = DescriptorLimit(before: limit)
        let highest = ResourceCheck.openDescriptors().keys.max() ?? 2
        limit.rlim_cur = rlim_t(highest + 1 + count)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return guarded
    }

    func restore() {
        var limit = before
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
