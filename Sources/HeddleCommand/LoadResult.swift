import Heddle
import Histogram

/// What a load measured.
struct LoadResult {
    private static let percentiles: [(name: String, value: Double)] = [
        ("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9), ("max", 100),
    ]

    let plan: LoadPlan
    let requests: Int
    /// Those that were not answered in time.
    let lost: Int
    let seconds: Double
    private let latencies: LoadRecorder.Latencies

    init(plan: LoadPlan, nanoseconds: UInt64, recorders: [LoadRecorder]) {
        self.plan = plan
        seconds = Double(nanoseconds) / 1e9
        requests = recorders.reduce(0) { $0 + $1.completed }
        lost = recorders.reduce(0) { $0 + $1.lost }
        var sum = LoadRecorder.makeHistogram()
        for recorder in recorders { sum.add(recorder.latencies) }
        latencies = sum
    }

    private var requestsPerSecond: Double { Double(requests) / seconds }
    /// Payload in one direction, in millions of bytes.
    private var megabytesPerSecond: Double { requestsPerSecond * Double(plan.size) / 1e6 }

    private func latency(_ percentile: Double) -> UInt64 {
        percentile == 100 ? latencies.max : latencies.valueAtPercentile(percentile)
    }

    /// A small table for people.
    func lines(style: Style) -> [String] {
        let noun = plan.target.isLossy ? "socket" : "connection"
        var table = Table(.left, .right, .left)
        table.add(
            "requests", Text.grouped(requests),
            "in \(Text.fixed(seconds, 2)) s over \(Text.count(plan.connections, noun)), "
                + "\(Text.count(plan.size, "byte")) each, \(Text.grouped(plan.depth)) in flight")
        if plan.target.isLossy {
            table.add(
                "lost", Text.grouped(lost),
                "not answered in \(Text.fixed(plan.timeout / .seconds(1), 3)) s")
        }
        table.add("throughput", Text.grouped(Int(requestsPerSecond)), "requests/s")
        table.add("", Text.fixed(megabytesPerSecond, 1), "MB/s each way")
        for (index, percentile) in Self.percentiles.enumerated() {
            table.add(
                index == 0 ? "latency" : "", Text.time(nanoseconds: latency(percentile.value)),
                percentile.name)
        }
        return table.lines(styleFirst: style.dim)
    }

    /// One object, its keys in alphabetical order.
    var json: String {
        var members: [(key: String, value: String)] = [
            ("bytes", "\(requests * plan.size)"),
            ("connections", "\(plan.connections)"),
            ("depth", "\(plan.depth)"),
            ("duration_seconds", Text.fixed(seconds, 6)),
            // A load with an error prints no result, so that nobody takes it for one.
            ("errors", "0"),
            ("megabytes_per_second", Text.fixed(megabytesPerSecond, 3)),
            ("requests", "\(requests)"),
            ("requests_per_second", Text.fixed(requestsPerSecond, 1)),
            ("size", "\(plan.size)"),
        ]
        if plan.target.isLossy { members.append(("lost", "\(lost)")) }
        for percentile in Self.percentiles {
            let name = percentile.name.replacing(".", with: "_")
            members.append(
                ("latency_\(name)_us", Text.fixed(Double(latency(percentile.value)) / 1e3, 3)))
        }
        let sorted = members.sorted { $0.key < $1.key }
        return "{" + sorted.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
    }
}
