import Heddle

/// The echo service: how its connections are served, and how it ends.
enum EchoService {
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

    /// Stops listening and lets connections end, for `patience` or until another signal comes; then the
    /// runtime closes what is left.
    static func drain(
        _ servers: [TCPServer], of runtime: Runtime, for patience: Duration, or signals: SignalWatch
    ) async throws {
        // Cancelled when all connections have ended before.
        async let _: Void = endDrain(of: runtime, after: patience, or: signals)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in servers { group.addTask { try await server.stop(within: patience) } }
            try await group.waitForAll()
        }
    }

    private static func endDrain(
        of runtime: Runtime, after patience: Duration, or signals: SignalWatch
    ) async {
        if patience > .zero {
            let second = try? await withTimeout(patience) { await signals.next() }
            if second == nil, Task.isCancelled { return }
        }
        runtime.requestStop(within: .zero)
    }
}

/// Sends back what comes, as a synchronous handler.
final class EchoHandler: StreamHandler {
    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        stream.write(bytes)
    }
}
