import ArgumentParser
import Heddle

/// `heddle echo`: sends back what comes, until a signal ends it.
struct EchoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo",
        abstract:
            "Serve TCP, UDP and Unix sockets and send back every byte and datagram that comes.",
        discussion: """
            Prints a line for each listener, 'listening on tcp HOST:PORT', 'listening on udp HOST:PORT' (with \
            the real port where 0 was given) or 'listening on unix PATH', and then 'ready'.

            SIGINT or SIGTERM: stops listening, lets connections end for the drain timeout, closes what is \
            left, prints 'stopped: N connections, B bytes' (accepted, sent) and exits with 0. With --udp it \
            prints 'stopped: N datagrams, B bytes' (sent back), after the other line if there are \
            connections to tell of. A second signal ends the drain at once.
            """)

    @Option(
        help: ArgumentHelp(
            "Where to listen, for example 127.0.0.1:7000 or [::1]:0. May be given several times.",
            valueName: "host:port"))
    var tcp: [String] = []

    @Option(
        help: ArgumentHelp(
            "Where to take datagrams, with a socket for each loop (SO_REUSEPORT). May be given several times.",
            valueName: "host:port"))
    var udp: [String] = []

    @Option(
        help: ArgumentHelp(
            "Where to listen on a Unix socket; @NAME is an abstract name. May be given several times.",
            discussion:
                "Only the same user may connect to a path. What a killed server left there is replaced.",
            valueName: "path"))
    var unix: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Event loops, each on a thread of its own. (default: one per CPU)", valueName: "n"))
    var threads: Int?

    @Flag(help: "Serve connections through the synchronous handler face instead of async code.")
    var handler = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How loops share connections: reuse-port, least-connections or round-robin.",
            discussion:
                "Unix sockets know the latter two, and take the first for least-connections."))
    var balance = ListenOptions.Balance.reusePort.rawValue

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long connections may take to end after a signal.", valueName: "duration"))
    var drainTimeout = TimeSpan(argument: "10s")

    func validate() throws {
        guard !(tcp + udp + unix).isEmpty else {
            throw ValidationError(
                "echo: where to listen is missing, for example --tcp 127.0.0.1:7000")
        }
        try Check.bounds("--threads", threads, 1...1024)
        _ = try (targets, options, patience)
    }

    private var targets: [EchoTarget] {
        get throws {
            try tcp.map { .tcp(try Check.endpoint("--tcp", $0)) }
                + udp.map { .udp(try Check.endpoint("--udp", $0)) }
                + unix.map { .unix(try Check.unixAddress("--unix", $0)) }
        }
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

    func run() throws {
        let (targets, listening) = try (targets, options)
        var options = Runtime.Options(threads: threads)
        options.drainTimeout = try patience
        let usesHandler = handler
        // With one loop the program has one thread, which system calls are cheapest in.
        let service = try Runtime.runBlocking(options, stoppingOn: [.interrupt, .terminate]) {
            runtime in
            let service = try await EchoService(
                on: targets, options: listening, usesHandler: usesHandler, of: runtime)
            try await service.run()
            return service
        }
        // Now that everything is closed, everything is counted.
        for total in EchoService.totals(of: service, on: targets) {
            Console.print("stopped: \(total.count) \(total.unit), \(total.bytes) bytes")
        }
    }
}
