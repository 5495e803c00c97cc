/// All workloads, in the order of the report.
enum Workloads {
    static let all = RequestWorkloads.all
}
