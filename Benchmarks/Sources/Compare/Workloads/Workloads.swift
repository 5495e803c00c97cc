/// All workloads, in the order of the report.
enum Workloads {
    static let all =
        RequestWorkloads.all + LatencyWorkloads.all + StreamWorkloads.all + DatagramWorkloads.all
        + IdleWorkloads.all + ScalingWorkloads.all + MicroWorkloads.all
}
