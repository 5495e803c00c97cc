/// Requests and replies against a server.
enum RequestWorkloads {
    static let all: [Workload] = [
        requests(
            "echo-50", "64-byte echo, 50 connections",
            "The CPU time, user and kernel, that the server spends on one request: what decides how many "
                + "servers you need. Nearly all of the floor is the kernel's TCP.",
            Load(), isQuick: true),
        requests(
            "echo-1", "64-byte echo, 1 connection",
            "Every request wakes the server up: the price of a wake-up with nothing to share it with.",
            Load(connections: 1)),
        requests(
            "echo-1000", "64-byte echo, 1,000 connections",
            "Many connections are ready at a time, and their state no longer fits the fastest caches.",
            Load(connections: 1000, stretch: 2)),
        requests(
            "pipelined", "64-byte echo, 16 in flight",
            "Sixteen requests wait in each connection, and what one read brings is answered at once: the "
                + "price of a piece of data rather than of a system call.",
            Load(depth: 16), isQuick: true),
        requests(
            "echo-64k", "64 KiB echo, 50 connections",
            "Messages of the size of a buffer: the price of moving bytes.",
            Load(size: 64 * 1024), isQuick: true),
        requests(
            "echo-1m", "1 MiB echo, 8 connections",
            "Messages larger than any buffer: back-pressure is at work in every one.",
            Load(connections: 8, size: 1024 * 1024, stretch: 2)),
        requests(
            "lines", "Pipelined lines, 50 connections, 16 in flight",
            "The server takes the input apart into lines of 64 bytes and answers each on its own. Gathering "
                + "the answers into one system call is what shows here.",
            Load(depth: 16, lines: true), role: .lines, isQuick: true),
        requests(
            "churn", "Connect, echo, close",
            "A connection for every request: the price of accepting and closing.",
            Load(mode: "churn"), isQuick: true),
        requests(
            "proxy", "Proxy, 64-byte echo, 50 connections",
            "The server passes the bytes of each connection on to a backend (the echo server on epoll, on "
                + "the load's core) and the answers back.",
            Load(), role: .proxy),
        requests(
            "unix-echo", "64-byte echo over a Unix-domain socket, 50 connections",
            "As the first, without TCP: the kernel's part is smaller, and the runtime's shows more.",
            Load(), role: .unixEcho),
    ]

    private static func requests(
        _ id: String, _ title: String, _ meaning: String, _ load: Load, role: Role = .echo,
        isQuick: Bool = false
    ) -> Workload {
        Workload(
            id: id, title: title, meaning: meaning, role: role,
            metrics: [.cpu, .rate, .p50, .p99, .busy, .loadBusy], isQuick: isQuick
        ) { command, duration in
            guard role == .proxy else {
                return try measure(
                    load, command, duration, over: role == .unixEcho ? .unix : .tcp)
            }
            let backend = try Server([Tools.built("echo_epoll")], cpu: Cores.load)
            let values = try measure(load, command, duration, backend: backend.address)
            try backend.stop()
            return values
        }
    }

    private static func measure(
        _ load: Load, _ command: [String], _ duration: Double,
        over transport: Transport = .tcp, backend: String? = nil
    ) throws -> [String: Double] {
        let server = try Server(command, over: transport, backend: backend)
        let report = try load.run(against: server, duration: duration)
        try server.stop()
        guard report.requests > 0 else { throw Failed("no reply came in the measured time") }
        return [
            "cpu_ns": report.server_cpu_ns / report.requests, "rate": report.requests_per_second,
            "p50_us": report.p50_us, "p99_us": report.p99_us, "busy": report.serverBusy,
            "load_busy": report.loadBusy,
        ]
    }
}
