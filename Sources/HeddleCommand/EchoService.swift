import Heddle

/// The echo service: where it listens and how it serves. The runtime that it was made on ends it.
struct EchoService: Sendable {
    private let servers: [TCPServer]

    /// Listens on every endpoint, or on none if one fails.
    init(on endpoints: [Endpoint], options: ListenOptions, of runtime: Runtime) async throws {
        var servers: [TCPServer] = []
        for endpoint in endpoints {
            servers.append(try await runtime.listen(on: endpoint, options: options))
        }
        self.servers = servers
    }

    /// Says where it listens and serves, until the runtime has stopped its servers.
    ///
    /// - Throws: what listening broke with.
    func run(usesHandler: Bool) async throws {
        for server in servers { Console.print("listening on tcp \(server.localAddress)") }
        Console.print("ready")
        try await withThrowingDiscardingTaskGroup { group in
            for server in servers {
                group.addTask { try await Self.serve(server, usesHandler: usesHandler) }
            }
        }
    }

    /// `stopped: N connections, B bytes`: those accepted and sent so far, none if it did not come to serving.
    static func summary(of service: EchoService?) -> String {
        let totals = service?.servers.map(\.statistics) ?? []
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
