/// The task whose cancellation is the stream's own.
extension ByteStream {
    /// Runs `body` with the current task as the stream's own, as in a server's handler: its
    /// cancellation reaches every operation on the stream by one handler, instead of one for each,
    /// which costs more than the operation. From here on the stream is as cancelled as the task.
    ///
    /// On its loop, once for a stream; elsewhere it only runs `body`.
    package func inScope<T>(_ body: () async throws -> T) async throws -> T {
        let core = core
        guard core.loop.isCurrent, !core.hasScope else { return try await body() }
        core.beginScope()
        defer { if core.loop.isCurrent { core.endScope() } }
        return try await withTaskCancellationHandler(operation: body) {
            core.loop.post { core.cancelScope() }
        }
    }

    /// Runs `body` with the current task as the stream's own, and closes the stream then, however `body` ends.
    func closing<R: Sendable>(
        after body: @Sendable @concurrent () async throws -> R
    ) async throws -> R {
        let result: R
        do {
            result = try await inScope(body)
        } catch {
            // What the body tells of came first.
            try? await close()
            throw error
        }
        try await close()
        return result
    }
}
