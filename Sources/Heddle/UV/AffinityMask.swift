internal import CLibuv
internal import Glibc

/// The CPUs a thread may run on, as the system keeps them (sched_setaffinity(2)).
struct AffinityMask: Hashable {
    /// Room for 1,024 CPUs, as many as glibc's own `cpu_set_t`.
    private static let byteCount = 128

    private var bytes = [UInt8](repeating: 0, count: byteCount)

    /// The calling thread's; nil if the system does not tell.
    static var ofThread: AffinityMask? {
        var mask = AffinityMask()
        // The system writes no more than it is told there is room for.
        guard unsafe heddle_get_affinity(byteCount, &mask.bytes) >= 0 else { return nil }
        return mask
    }

    private init() {}

    /// One CPU; none for a number out of bounds.
    init(cpu: Int) {
        if cpu >= 0, cpu < Self.byteCount * 8 { bytes[cpu / 8] = 1 << (cpu % 8) }
    }

    /// The numbers of the CPUs.
    var cpus: [Int] {
        (0..<Self.byteCount * 8).filter { bytes[$0 / 8] & (1 << ($0 % 8)) != 0 }
    }

    /// Makes it the calling thread's.
    func apply() throws(UVError) {
        // The system reads the mask during the call.
        guard unsafe heddle_set_affinity(Self.byteCount, bytes) == 0 else {
            throw UVError(status: -errno)
        }
    }
}
