/// How long a reply takes while requests come at a fixed rate.
enum LatencyWorkloads {
    static let all: [Workload] = [5_000, 20_000, 40_000].map { rate in
        Workload(
            id: "latency-\(rate / 1000)k",
            title: "Latency at \(Double(rate).grouped(digits: 0)) requests per second",
            meaning: """
                Requests of 64 bytes come on 50 connections at their times, whether or not earlier ones were \
                answered, and a reply's time counts from when its request was due (no coordinated omission). \
                The load never sleeps, so that its own wake-ups do not count.
                """,
            role: .echo, metrics: [.p99, .p50, .p999, .cpu, .busy, .unsent],
            isQuick: rate == 20_000
        ) { command, duration in
            let server = try Server(command)
            let load = Load(rate: rate, stretch: 2)
            let report = try load.run(against: server, duration: duration)
            try server.stop()
            guard report.requests > 0 else { throw Failed("no reply came in the measured time") }
            return [
                "p50_us": report.p50_us, "p99_us": report.p99_us, "p999_us": report.p999_us,
                "cpu_ns": report.server_cpu_ns / report.requests, "busy": report.serverBusy,
                "unsent": report.unsent,
            ]
        }
    }
}

extension Metric {
    fileprivate static let unsent = Metric(
        key: "unsent", name: "due and not sent", unit: "requests")
}
