import Foundation

/// What the load generator is asked to do; see `Load/options.c`.
struct Load: Sendable {
    var mode = "echo"
    var connections = 50
    var size = 64
    var depth: Int?
    var rate: Int?
    var lines = false
    /// How much longer than usual it must run to say something.
    var stretch = 1.0

    func run(against server: Server, duration: Double) throws -> LoadReport {
        var words = [
            Tools.load, "--json", "--\(server.transport)", server.address,
            "--server-pid", "\(server.identifier)", "--mode", mode, "--connections",
            "\(connections)", "--size", "\(size)",
            "--duration", "\(duration * stretch)", "--warm-up", "\(duration * stretch / 3)",
        ]
        if let depth { words += ["--depth", "\(depth)"] }
        if let rate { words += ["--rate", "\(rate)"] }
        if lines { words.append("--lines") }
        let child = try Child(words, cpu: Cores.load)
        let text = try child.result(limit: duration * stretch * 4 + 30)
        return try JSONDecoder().decode(LoadReport.self, from: Data(text.utf8))
    }
}

/// What the load generator prints: counts and times of its measured window.
struct LoadReport: Decodable {
    let requests, bytes, seconds: Double
    let requests_per_second, megabytes_per_second: Double
    let p50_us, p99_us, p999_us, max_us: Double
    let server_cpu_ns, load_cpu_ns: Double
    let unsent: Double

    /// Shares of the time that the server and the load were busy.
    var serverBusy: Double { server_cpu_ns / seconds / 1e9 * 100 }
    var loadBusy: Double { load_cpu_ns / seconds / 1e9 * 100 }
}

/// What the load of datagrams is asked to do; see `Load/udp_load.c`.
struct DatagramLoad: Sendable {
    var clients: Int
    /// Datagrams in flight for each client.
    var depth: Int

    func run(against server: Server, duration: Double) throws -> DatagramReport {
        let child = try Child(
            [
                Tools.built("udp_load"), "--json", "--udp", server.address,
                "--server-pid", "\(server.identifier)", "--sockets", "\(clients)",
                "--depth", "\(depth)", "--duration", "\(duration)", "--warm-up", "\(duration / 3)",
            ], cpu: Cores.load)
        let text = try child.result(limit: duration * 4 + 30)
        return try JSONDecoder().decode(DatagramReport.self, from: Data(text.utf8))
    }
}

/// What the load of datagrams prints.
struct DatagramReport: Decodable {
    let requests, lost, seconds, requests_per_second: Double
    let p50_us, p99_us: Double
    let server_cpu_ns, load_cpu_ns: Double

    /// Shares of the time that the server and the load were busy.
    var serverBusy: Double { server_cpu_ns / seconds / 1e9 * 100 }
    var loadBusy: Double { load_cpu_ns / seconds / 1e9 * 100 }
}

/// Connections that do nothing, open until this is closed.
final class IdleConnections {
    private let child: Child

    init(_ count: Int, to server: Server) throws {
        child = try Child(
            [Tools.load, "--mode", "idle", "--connections", "\(count)", "--tcp", server.address],
            cpu: Cores.load)
        try child.wait(for: "open\n", limit: 60)
    }

    func close() throws {
        child.endInput()
        try child.result(limit: 60)
    }
}
