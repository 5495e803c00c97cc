/// Bytes in one direction, as fast as they go.
enum StreamWorkloads {
    static let all: [Workload] = [
        stream(
            "stream-in", "One-way stream into the server, 4 connections", mode: "flood",
            role: .sink,
            "The server counts what comes; the load checks the count at the end."),
        stream(
            "stream-out", "One-way stream out of the server, 4 connections", mode: "drain",
            role: .source,
            "The server writes blocks of 64 KiB for as long as they are taken; the load checks every byte."
        ),
    ]

    private static func stream(
        _ id: String, _ title: String, mode: String, role: Role, _ meaning: String
    ) -> Workload {
        Workload(
            id: id, title: title, meaning: meaning + " Most of it is the kernel's copying.",
            role: role, metrics: [.perMebibyte, .throughput, .busy, .loadBusy]
        ) { command, duration in
            let server = try Server(command)
            let report = try Load(mode: mode, connections: 4).run(
                against: server, duration: duration)
            try server.stop()
            guard report.bytes > 0 else { throw Failed("no byte passed in the measured time") }
            return [
                "us_per_mib": report.server_cpu_ns / 1000 / (report.bytes / 1_048_576),
                "gb_per_s": report.megabytes_per_second / 1000, "busy": report.serverBusy,
                "load_busy": report.loadBusy,
            ]
        }
    }
}

extension Metric {
    fileprivate static let perMebibyte = Metric(
        key: "us_per_mib", name: "CPU per MiB", unit: "µs", digits: 1)
    fileprivate static let throughput = Metric(
        key: "gb_per_s", name: "throughput", unit: "GB/s", digits: 2, higherIsBetter: true)
}
