/// Something to measure of every peer that can do it.
struct Workload: Sendable {
    let id: String
    let title: String
    /// What the figure means, for the report.
    let meaning: String
    let role: Role
    /// The first one is compared.
    let metrics: [Metric]
    /// Whether `--quick` measures it.
    var isQuick = false
    /// What repeats almost to the digit need not be measured often.
    var maximumRounds = Int.max
    /// Measures a peer's command once.
    let measure: @Sendable (_ command: [String], _ duration: Double) throws -> [String: Double]
}

extension Metric {
    static let cpu = Metric(key: "cpu_ns", name: "CPU per request", unit: "ns")
    static let rate = Metric(key: "rate", name: "requests", unit: "1/s", higherIsBetter: true)
    static let p50 = Metric(key: "p50_us", name: "p50", unit: "µs", digits: 1)
    static let p99 = Metric(key: "p99_us", name: "p99", unit: "µs", digits: 1)
    static let p999 = Metric(key: "p999_us", name: "p99.9", unit: "µs", digits: 1)
    static let busy = Metric(key: "busy", name: "server busy", unit: "%", higherIsBetter: true)
    static let loadBusy = Metric(key: "load_busy", name: "load busy", unit: "%")
}
