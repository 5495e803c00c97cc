import ArgumentParser
import Heddle

/// `heddle load`: measures an echo server, and checks what it sends back.
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Send requests to an echo server, check every byte that comes back, and measure.",
        discussion: """
            A closed loop: each connection keeps --depth requests in flight and sends the next one when a \
            reply is complete. On a terminal a line shows how it goes.

            --json prints one object with the keys bytes, connections, depth, duration_seconds, errors, \
            latency_max_us, latency_p50_us, latency_p90_us, latency_p99_9_us, latency_p99_us, \
            megabytes_per_second, requests, requests_per_second and size. Latencies are in microseconds; \
            bytes and megabytes (of 1,000,000) are those sent and answered, and as many came back.

            With --udp each connection is a socket and each request a datagram. One that is not answered within \
            --timeout is lost, another is sent in its place, and the key lost counts them.

            A refused or lost connection or a wrong byte ends the load with exit status 1; so do datagrams of \
            which none is answered.
            """)

    @Option(
        help: ArgumentHelp("The echo server for TCP, by name or address.", valueName: "host:port"))
    var tcp: String?

    @Option(
        help: ArgumentHelp("The echo server for UDP, by name or address.", valueName: "host:port"))
    var udp: String?

    @Option(
        help: ArgumentHelp(
            "The echo server on a Unix socket; @NAME is an abstract name.", valueName: "path"))
    var unix: String?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Connections to open.", valueName: "n"))
    var connections = 50

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Bytes in each request.", valueName: "bytes"))
    var size = 64

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Requests in flight on each connection.", valueName: "n"))
    var depth = 1

    @Option(
        parsing: .unconditional, help: ArgumentHelp("How long to send.", valueName: "duration"))
    var duration = TimeSpan(argument: "5s")

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long a datagram may stay unanswered before it counts as lost.",
            valueName: "duration"))
    var timeout = TimeSpan(argument: "1s")

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Event loops, each on a thread of its own. (default: one per CPU)", valueName: "n"))
    var threads: Int?

    @Flag(help: "Print the result as one JSON object.")
    var json = false

    func validate() throws {
        try Check.bounds("--connections", connections, 1...1_000_000)
        try Check.bounds("--size", size, 1...(64 << 20))
        try Check.bounds("--depth", depth, 1...1_000_000)
        try Check.bounds("--threads", threads, 1...1024)
        guard size * depth <= LoadPlan.maximumBytesInFlight else {
            throw ValidationError(
                "--size \(size) times --depth \(depth): more than 1 GiB in flight per connection")
        }
        let plan = try plan
        if plan.target.isLossy { try validateDatagrams() }
    }

    private func validateDatagrams() throws {
        try Check.bounds("--size", size, 1...UDPOptions.longestDatagramBytes)
        let distinct = LoadWindow.maximumPlaces(size: size)
        guard depth <= distinct else {
            throw ValidationError(
                "--depth \(depth): more than the \(distinct) datagrams that --size \(size) can tell apart"
            )
        }
    }

    private var target: LoadTarget {
        get throws {
            switch (tcp, udp, unix) {
            case (let text?, nil, nil): .tcp(try Check.endpoint("--tcp", text))
            case (nil, let text?, nil): .udp(try Check.endpoint("--udp", text))
            case (nil, nil, let text?): .unix(try Check.unixAddress("--unix", text))
            case (nil, nil, nil):
                throw ValidationError(
                    "load: the server is missing, for example --tcp 127.0.0.1:7000")
            default: throw ValidationError("load: more than one server is given")
            }
        }
    }

    private var plan: LoadPlan {
        get throws {
            LoadPlan(
                target: try target, connections: connections, size: size, depth: depth,
                duration: try duration.positiveDuration(of: "--duration"),
                timeout: try timeout.positiveDuration(of: "--timeout"))
        }
    }

    func run() throws {
        let plan = try plan
        let result = try Runtime.runBlocking(Runtime.Options(threads: threads)) { runtime in
            let load = try await Load(plan, on: runtime)
            let result = try await load.run()
            try await load.close()
            return result
        }
        if json {
            Console.print(result.json)
        } else {
            result.lines(style: .forOutput).forEach(Console.print)
        }
    }
}
