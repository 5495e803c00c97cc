internal import Glibc

/// The CPUs this process may really use: those of its affinity mask, bounded by its cgroup's quota.
enum AvailableCPUs {
    /// How many loops are worth having: at least 1.
    static var count: Int {
        let quota = cgroupQuota()
        let allowed = Double(max(1, LinuxCalls.affinity().count))
        return max(1, Int(min(allowed, quota ?? allowed).rounded(.up)))
    }

    /// The CPUs' worth of time the cgroups of this process grant, the least of its path; nil for no
    /// limit. Knows version 2 (cpu.max) and 1 (cpu.cfs_quota_us).
    static func cgroupQuota(read: (String) -> String? = contents) -> Double? {
        var quotas: [Double] = []
        for line in (read("/proc/self/cgroup") ?? "0::/").split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            for directory in ancestors(of: String(fields[2])) {
                if fields[1].isEmpty {
                    quotas += [version2(read("/sys/fs/cgroup\(directory)/cpu.max"))].compactMap(
                        \.self)
                } else if fields[1].split(separator: ",").contains("cpu") {
                    let base = "/sys/fs/cgroup/cpu\(directory)/cpu.cfs"
                    quotas += [version1(read("\(base)_quota_us"), read("\(base)_period_us"))]
                        .compactMap(\.self)
                }
            }
        }
        return quotas.min()
    }

    /// `/a/b` has `/a/b`, `/a` and the root, which is empty here.
    private static func ancestors(of path: String) -> [String] {
        let parts = path.split(separator: "/")
        return (0...parts.count).map { parts.prefix($0).map { "/\($0)" }.joined() }
    }

    /// `max 100000` or `150000 100000`.
    private static func version2(_ text: String?) -> Double? {
        let fields = (text ?? "").split(whereSeparator: \.isWhitespace)
        guard fields.count == 2 else { return nil }
        return version1(String(fields[0]), String(fields[1]))
    }

    private static func version1(_ quota: String?, _ period: String?) -> Double? {
        guard let quota = quota.flatMap({ Double($0.filter { !$0.isWhitespace }) }), quota > 0,
            let period = period.flatMap({ Double($0.filter { !$0.isWhitespace }) }), period > 0
        else { return nil }
        return quota / period
    }

    /// A small file's text; nil if it cannot be read.
    static func contents(of path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe read(descriptor, bytes.baseAddress, bytes.count)
        }
        return count >= 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
    }
}
