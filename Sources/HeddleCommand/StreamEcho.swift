import Heddle

/// A server of connections that sends back every byte.
struct StreamEcho: EchoListener {
    let server: TCPServer
    let usesHandler: Bool

    var place: String { "tcp \(server.localAddress)" }

    var total: EchoTotal {
        let statistics = server.statistics
        return EchoTotal(
            unit: .connections, count: statistics.acceptedConnections, bytes: statistics.bytesSent)
    }

    /// Serves until the server is stopped. Trouble with accepting is told on standard error.
    func serve() async throws {
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
