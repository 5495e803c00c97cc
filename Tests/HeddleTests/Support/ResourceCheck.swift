import Glibc
import Testing

@testable import Heddle

/// The descriptors and threads of the process at one moment, to compare with a later one.
///
/// Swift's pool and libuv's own keep descriptors and threads for the life of the process: those are
/// brought about before the first check. The pools' threads come and go as they like and cannot be
/// told from others, so threads are followed by their numbers: see `expectEnded`.
struct ResourceCheck: Sendable {
    private let descriptors: [Int: String]

    /// Takes the state now.
    init() async throws {
        try await Self.warmUp.value
        descriptors = Self.openDescriptors()
    }

    /// Fails the test for each descriptor that was not there before, or was and is no more.
    func expectUnchanged(sourceLocation: SourceLocation = #_sourceLocation) {
        let now = Self.openDescriptors()
        for (number, target) in now where descriptors[number] == nil {
            Issue.record(
                "descriptor \(number) is left: \(target)", sourceLocation: sourceLocation)
        }
        for (number, target) in descriptors where now[number] == nil {
            Issue.record(
                "descriptor \(number) was closed by the test: \(target)",
                sourceLocation: sourceLocation)
        }
    }

    /// What is open, by number, with what it leads to.
    static func openDescriptors(countingTimers: Bool = false) -> [Int: String] {
        var found: [Int: String] = [:]
        for name in entries(of: "/proc/self/fd") {
            guard let number = Int(name) else { continue }
            // The directory's own descriptor is gone by now.
            guard let target = link("/proc/self/fd/\(name)") else { continue }
            // Dispatch makes these when it likes, one a clock; Heddle makes none.
            if target.contains("timerfd"), !countingTimers { continue }
            if isGlance(target) { continue }
            found[number] = target
        }
        return found
    }

    /// Whether a descriptor leads to what Heddle does not read: Dispatch looks at the threads of its pool once a second,
    /// by a descriptor that is open for a moment, and that a program started in this moment gets.
    static func isGlance(_ target: some StringProtocol) -> Bool {
        target.hasPrefix("/proc/") && target.hasSuffix("/stat")
    }

    // MARK: Threads

    /// How many threads the process has, those of the pools included.
    static var threadCount: Int { entries(of: "/proc/self/task").count }

    /// The calling thread's number, which no other thread of the system has at the same time.
    static var currentThread: Int {
        link("/proc/thread-self").flatMap { $0.split(separator: "/").last.flatMap { Int($0) } }
            ?? -1
    }

    /// Fails the test for each of these threads that is still there.
    ///
    /// Joining a thread returns a moment before the kernel takes it off the list, which it announces
    /// to nobody: hence the turns.
    static func expectEnded(
        threads: [Int], turns: Int = 100_000, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var left = Set(threads.map { "\($0)" })
        for _ in 0..<turns where !left.isEmpty {
            left.formIntersection(entries(of: "/proc/self/task"))
            if !left.isEmpty { sched_yield() }
        }
        for thread in left {
            Issue.record("thread \(thread) is left", sourceLocation: sourceLocation)
        }
    }

    // MARK: The system

    /// What the first timer, loop and signal pipe of a process make once.
    private static let warmUp = Task {
        let worker = Worker(name: "warm-up")
        try worker.start()
        // Sleeps: the first timer of each clock opens a descriptor, for the length of the process.
        try await Task.sleep(for: .milliseconds(1), clock: .continuous)
        // Sleeps: as above.
        try await Task.sleep(for: .milliseconds(1), clock: .suspending)
        try await worker.stop()
    }

    static func entries(of directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func link(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = readlink(path, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
    }
}
