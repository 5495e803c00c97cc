/// Datagrams and their echoes.
enum DatagramWorkloads {
    static let all: [Workload] = [
        datagrams(
            "udp-echo", "UDP echo, 64 bytes, 4 clients with 64 in flight",
            """
            Many datagrams wait at a time: receiving and sending many with one system call is what shows here, \
            and the rest is the kernel's UDP. C on epoll uses recvmmsg and sendmmsg, C on libuv plain uv_udp_t.
            """,
            DatagramLoad(clients: 4, depth: 64), isQuick: true),
        datagrams(
            "udp-echo-256", "UDP echo, 64 bytes, 256 clients with 1 in flight",
            """
            The same number in flight, each from an address of its own: no two answers may be joined into one \
            buffer that the kernel cuts up.
            """,
            DatagramLoad(clients: 256, depth: 1)),
    ]

    private static func datagrams(
        _ id: String, _ title: String, _ meaning: String, _ load: DatagramLoad,
        isQuick: Bool = false
    ) -> Workload {
        Workload(
            id: id, title: title, meaning: meaning, role: .udpEcho,
            metrics: [.cpu, .rate, .p50, .p99, .lost, .busy, .loadBusy], isQuick: isQuick
        ) { command, duration in
            let server = try Server(command, over: .udp)
            let report = try load.run(against: server, duration: duration)
            try server.stop()
            guard report.requests > 0 else { throw Failed("no echo came in the measured time") }
            return [
                "cpu_ns": report.server_cpu_ns / report.requests,
                "rate": report.requests_per_second, "p50_us": report.p50_us,
                "p99_us": report.p99_us, "lost": report.lost, "busy": report.serverBusy,
                "load_busy": report.loadBusy,
            ]
        }
    }
}

extension Metric {
    fileprivate static let lost = Metric(key: "lost", name: "lost", unit: "datagrams")
}
