/// Servers with two loops on both cores, which the load shares.
enum ScalingWorkloads {
    static let all: [Workload] = [
        Workload(
            id: "two-loops", title: "64-byte echo on two loops, 200 connections",
            meaning: """
                The server has two loops on both cores, and the load takes its share of them: CPU per request \
                says what sharing costs, and the imbalance how evenly connections were spread (the busier \
                thread's CPU time over the mean of the two; 1 is even).
                """,
            role: .echoOnTwoLoops, metrics: [.cpu, .imbalance, .rate, .p99]
        ) { command, duration in
            let server = try Server(command, cpu: nil)
            let report = try Load(connections: 200).run(against: server, duration: duration)
            let busiest = server.cpuByThread.sorted(by: >).prefix(2)
            try server.stop()
            guard report.requests > 0, let most = busiest.first, most > 0 else {
                throw Failed("no reply came in the measured time")
            }
            return [
                "cpu_ns": report.server_cpu_ns / report.requests,
                "imbalance": most / (busiest.reduce(0, +) / 2),
                "rate": report.requests_per_second, "p99_us": report.p99_us,
            ]
        }
    ]
}

extension Metric {
    fileprivate static let imbalance = Metric(
        key: "imbalance", name: "imbalance", unit: "", digits: 2)
}
