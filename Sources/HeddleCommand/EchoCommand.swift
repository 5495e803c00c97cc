import ArgumentParser
import Glibc
import Heddle

/// `heddle echo`: sends back what comes, until a signal ends it.
struct EchoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo",
        abstract: "Serve TCP connections and send back every byte that comes.",
        discussion: """
            Prints a line 'listening on tcp HOST:PORT' for each listener, with the real port where 0 was \
            given, and then 'ready'.

            SIGINT or SIGTERM: stops listening, lets connections end for the drain timeout, closes what is \
            left, prints 'stopped: N connections, B bytes' (accepted, sent) and exits with 0. A second \
            signal ends the drain at once.
            """)

    @Option(
        help: ArgumentHelp(
            "Where to listen, for example 127.0.0.1:7000 or [::1]:0. May be given several times.",
            valueName: "host:port"))
    var tcp: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Event loops, each on a thread of its own. (default: one per CPU)", valueName: "n"))
    var threads: Int?

    @Flag(help: "Serve through the synchronous handler face instead of async code.")
    var handler = false

    @Option(
        parsing: .unconditional,
        help: "How loops share connections: reuse-port, least-connections or round-robin.")
    var balance = ListenOptions.Balance.reusePort.rawValue

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How long connections may take to end after a signal.", valueName: "duration"))
    var drainTimeout = TimeSpan(argument: "10s")

    func validate() throws {
        guard !tcp.isEmpty else {
            throw ValidationError("echo: where to listen is missing, for example --tcp 127.0.0.1:7000")
        }
        try Check.bounds("--threads", threads, 1...1024)
        _ = try (endpoints, options, patience)
    }

    private var endpoints: [Endpoint] {
        get throws { try tcp.map { try Check.endpoint("--tcp", $0) } }
    }

    private var options: ListenOptions {
        get throws {
            var options = ListenOptions()
            options.balance = try Check.balance("--balance", balance)
            return options
        }
    }

    private var patience: Duration {
        get throws { try drainTimeout.duration(of: "--drain-timeout") }
    }

    func run() async throws {
        let servers = try await Runtime.run(Runtime.Options(threads: threads)) { runtime in
            let signals = try await SignalWatch.start([SIGINT, SIGTERM], on: runtime.loops[0])
            let servers = try await listen(on: runtime)
            for server in servers { Console.print("listening on tcp \(server.localAddress)") }
            Console.print("ready")
            try await serve(servers, of: runtime, until: signals)
            await signals.close()
            return servers
        }
        let totals = servers.map(\.statistics)
        let connections = totals.reduce(0) { $0 + $1.acceptedConnections }
        let bytes = totals.reduce(0) { $0 + $1.bytesSent }
        Console.print("stopped: \(connections) connections, \(bytes) bytes")
    }

    private func listen(on runtime: Runtime) async throws -> [TCPServer] {
        let options = try options
        var servers: [TCPServer] = []
        for endpoint in try endpoints {
            servers.append(try await runtime.listen(on: endpoint, options: options))
        }
        return servers
    }

    private func serve(
        _ servers: [TCPServer], of runtime: Runtime, until signals: SignalWatch
    ) async throws {
        let usesHandler = handler
        let patience = try patience
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in servers {
                group.addTask { try await EchoService.serve(server, usesHandler: usesHandler) }
            }
            group.addTask {
                guard await signals.next() != nil else { return }
                try await EchoService.drain(servers, of: runtime, for: patience, or: signals)
            }
            try await group.waitForAll()
        }
    }
}
