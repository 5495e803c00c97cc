import Heddle

/// A server of connections that sends back every byte.
struct StreamEcho<Server: StreamServing>: EchoListener {
    let server: Server
    let place: String
    let usesHandler: Bool

    var total: EchoTotal {
        let statistics = server.statistics
        return EchoTotal(
            unit: .connections, count: statistics.acceptedConnections, bytes: statistics.bytesSent)
    }

    /// Serves until the server is stopped. Trouble with accepting is told on standard error.
    func serve() async throws {
        let report: Server.ErrorHook = { error, peer in
            // What goes wrong with one connection is its peer's affair.
            if peer == nil { Console.printError("heddle: \(error)") }
        }
        if usesHandler {
            try await server.serve(onError: report, handler: { EchoHandler() })
        } else {
            try await server.serve(onError: report) { try await sendBack(on: $0) }
        }
    }
}

/// The same code for every kind of connection, so that it is compiled for what they have in common.
private func sendBack(on stream: ByteStream) async throws {
    for try await bytes in stream.inbound { try await stream.write(bytes) }
}

/// What the servers of connections have in common.
protocol StreamServing: Sendable {
    associatedtype Connection: ByteStream
    associatedtype Peer
    typealias ErrorHook = @Sendable (any Error, Peer?) -> Void

    var statistics: TCPServer.Statistics { get }

    func serve(
        onError: ErrorHook?,
        _ handler: @escaping @Sendable @concurrent (Connection) async throws -> Void
    ) async throws

    func serve(
        onError: ErrorHook?, handler makeHandler: @escaping @Sendable () -> any StreamHandler
    ) async throws
}

extension TCPServer: StreamServing {}
extension UnixServer: StreamServing {}

/// Sends back what comes, as a synchronous handler.
final class EchoHandler: StreamHandler {
    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        stream.write(bytes)
    }
}
