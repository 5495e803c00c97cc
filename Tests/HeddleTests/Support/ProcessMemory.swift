import Glibc

@testable import Heddle

/// What the process has of memory: to see that repeating something takes no more of it.
struct ProcessMemory {
    /// Bytes of memory in use (proc(5)).
    let residentBytes: Int
    /// Bytes of address space: the stacks of threads nobody joined count here.
    let addressSpaceBytes: Int

    static var now: ProcessMemory {
        let text = AvailableCPUs.contents(of: "/proc/self/statm") ?? ""
        let pages = text.split(separator: " ").map { Int($0) ?? 0 }
        let pageBytes = sysconf(Int32(_SC_PAGESIZE))
        return ProcessMemory(
            residentBytes: pages[1] * pageBytes, addressSpaceBytes: pages[0] * pageBytes)
    }

    /// Whether a sanitizer keeps freed memory for itself, so that these numbers say nothing.
    static var isSanitized: Bool {
        dlsym(nil, "__tsan_init") != nil || dlsym(nil, "__asan_init") != nil
    }
}
