import Glibc
import Heddle

/// The echo service: where it listens, how it serves, and what makes it end. The runtime that it was
/// made on drains and closes what is left.
struct EchoService: Sendable {
    private let runtime: Runtime
    private let servers: [TCPServer]
    private let signals: [SignalWatch]

    /// Listens on every endpoint, or on none if one fails. Signals count from before that.
    init(on endpoints: [Endpoint], options: ListenOptions, of runtime: Runtime) async throws {
        // Each loop has a watch of its own: whichever drains longest still hears the second signal.
        var signals: [SignalWatch] = []
        for loop in runtime.loops {
            signals.append(try await SignalWatch.start([SIGINT, SIGTERM], on: loop))
        }
        var servers: [TCPServer] = []
        for endpoint in endpoints {
            servers.append(try await runtime.listen(on: endpoint, options: options))
        }
        self.runtime = runtime
        self.servers = servers
        self.signals = signals
    }

    /// Says where it listens and serves. Returns at the first signal, while connections are still open.
    ///
    /// - Throws: what listening broke with.
    func run(usesHandler: Bool) async throws {
        for server in servers { Console.print("listening on tcp \(server.localAddress)") }
        Console.print("ready")
        let (end, ending) = AsyncThrowingStream<Never, any Error>.makeStream()
        for (loop, watch) in zip(runtime.loops, signals) {
            loop.task {
                guard await watch.next() != nil else { return }
                ending.finish()
                // A second one means now.
                if await watch.next() != nil { runtime.requestStop(within: .zero) }
            }
        }
        // Not children of this task: they go on while the runtime drains.
        for server in servers {
            runtime.loops[0].task {
                do {
                    try await Self.serve(server, usesHandler: usesHandler)
                } catch {
                    ending.finish(throwing: error)
                }
            }
        }
        for try await _ in end {}
    }

    /// `stopped: N connections, B bytes`: those accepted and sent so far.
    var summary: String {
        let totals = servers.map(\.statistics)
        let connections = totals.reduce(0) { $0 + $1.acceptedConnections }
        let bytes = totals.reduce(0) { $0 + $1.bytesSent }
        return "stopped: \(connections) connections, \(bytes) bytes"
    }

    /// Serves until the server is stopped. Trouble with accepting is told on standard error.
    static func serve(_ server: TCPServer, usesHandler: Bool) async throws {
        let report: TCPServer.ErrorHook = { error, peer in
            // What goes wrong with one connection is its peer's affair.
            if peer == nil { Console.printError("heddle: \(error)") }
        }
        if usesHandler {
            try await server.serve(onError: report, handler: { EchoHandler() })
        } else {
            try await server.serve(onError: report) { connection in
                for try await bytes in connection.inbound { try await connection.write(bytes) }
            }
        }
    }
}

/// Sends back what comes, as a synchronous handler.
final class EchoHandler: StreamHandler {
    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        stream.write(bytes)
    }
}
