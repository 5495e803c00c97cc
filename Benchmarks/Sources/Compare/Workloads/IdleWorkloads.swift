/// Connections that have done one echo each and then nothing.
enum IdleWorkloads {
    static let all: [Workload] = [8_000, 15_000].map { count in
        Workload(
            id: "idle-\(count / 1000)k",
            title: "\(Double(count).grouped(digits: 0)) idle connections",
            meaning: """
                The server's own memory (private and dirty, swap included) for one connection more, between \
                1,000 and \(Double(count).grouped(digits: 0)) of them. What the kernel keeps is not in it.
                """,
            role: .echo, metrics: [.bytes, .total], maximumRounds: 2
        ) { command, _ in
            let server = try Server(command)
            let few = try IdleConnections(base, to: server)
            let before = try server.privateBytes
            let many = try IdleConnections(count - base, to: server)
            let after = try server.privateBytes
            try many.close()
            try few.close()
            try server.stop()
            return [
                "bytes": (after - before) / Double(count - base), "total": after / 1_048_576,
            ]
        }
    }

    private static let base = 1_000
}

extension Metric {
    fileprivate static let bytes = Metric(
        key: "bytes", name: "memory per connection", unit: "bytes")
    fileprivate static let total = Metric(key: "total", name: "in all", unit: "MiB", digits: 1)
}
