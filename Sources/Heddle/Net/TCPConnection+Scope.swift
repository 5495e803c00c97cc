/// The task whose cancellation is the connection's own.
extension TCPConnection {
    /// Runs `body` with the current task as the connection's own, as in a server's handler: its
    /// cancellation reaches every operation on the connection by one handler, instead of one for each,
    /// which costs more than the operation. From here on the connection is as cancelled as the task.
    ///
    /// On the connection's loop, once for a connection; elsewhere it only runs `body`.
    package func inScope<T>(_ body: () async throws -> T) async throws -> T {
        let stream = stream
        guard stream.loop.isCurrent, !stream.hasScope else { return try await body() }
        stream.beginScope()
        defer { if stream.loop.isCurrent { stream.endScope() } }
        return try await withTaskCancellationHandler(operation: body) {
            stream.loop.post { stream.cancelScope() }
        }
    }
}
