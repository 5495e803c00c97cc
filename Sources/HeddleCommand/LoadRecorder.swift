import Histogram
import Synchronization

/// What the clients of one loop measured. Written on that loop's thread alone; `completed` may be
/// read from any, the rest once the load is over.
// Sendable: see above; the counter is atomic.
final class LoadRecorder: @unchecked Sendable {
    typealias Latencies = Histogram<UInt64>

    /// Latencies in nanoseconds, to three digits; longer ones than an hour count as one.
    private static let longestNanoseconds: UInt64 = 3_600_000_000_000

    static func makeHistogram() -> Latencies {
        Latencies(lowestDiscernibleValue: 64, highestTrackableValue: longestNanoseconds)
    }

    private(set) var latencies = makeHistogram()
    /// Requests that were not answered in time.
    private(set) var lost = 0
    private let counter = Atomic<Int>(0)

    /// Requests answered so far.
    var completed: Int { counter.load(ordering: .relaxed) }

    func lose(_ count: Int) {
        lost += count
    }

    func record(nanoseconds: UInt64) {
        latencies.record(min(nanoseconds, Self.longestNanoseconds))
        // One writer: nothing can come between the two.
        counter.store(counter.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
}

/// Tells the connections of a load, on whatever loop, when to send no more.
final class LoadEnd: Sendable {
    private let flag = Atomic<Bool>(false)

    var hasCome: Bool { flag.load(ordering: .relaxed) }

    func come() {
        flag.store(true, ordering: .relaxed)
    }
}
