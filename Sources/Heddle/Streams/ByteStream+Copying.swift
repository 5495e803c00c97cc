/// Streams into one another.
extension ByteStream {
    /// Writes everything that comes in here to `target`, and then shuts its output down: the end of the input is
    /// carried over. Returns when the last byte has been handed to the kernel.
    ///
    /// A piece is read when the one before was taken, so what is held is what the limits of both streams allow
    /// (``StreamLimits``), and a slow target slows the source. Pieces are handed on as they are, not copied. That
    /// `target` has broken shows with the next write to it.
    ///
    /// - Returns: how many bytes were copied.
    /// - Throws: as ``read()``, ``write(_:)-(Bytes)`` and ``shutdownWrite()``; `CancellationError` when the
    ///   task is cancelled. Both streams are as they are then, neither closed nor shut down, and what was read but
    ///   not taken by `target` is put back: the next read from here gets it.
    @discardableResult
    public func copy(to target: ByteStream) async throws -> Int {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.copyOnLoop(to: target) }
        }
        return try await copyOnLoop(to: target)
    }

    private func copyOnLoop(to target: ByteStream) async throws -> Int {
        try await inScope { try await copyInScope(to: target) }
    }

    private func copyInScope(to target: ByteStream) async throws -> Int {
        var count = 0
        while let bytes = try await read() {
            do {
                try await target.write(bytes)
            } catch {
                core.putBack([bytes])
                throw error
            }
            count += bytes.count
        }
        try await target.shutdownWrite()
        return count
    }

    /// Copies both ways between here and `other`, as a proxy does, until both inputs have ended; each end is carried
    /// over on its own, so one direction may go on for long after the other.
    ///
    /// - Returns: how many bytes went to `other`, and how many came from there.
    /// - Throws: the first error of either direction. Both streams are reset then, so that neither peer waits for the
    ///   other. `CancellationError` when the task is cancelled: as in ``copy(to:)`` both streams stay open, and
    ///   what was read and not written can be read again.
    @discardableResult
    public func exchange(with other: ByteStream) async throws -> (sent: Int, received: Int) {
        async let back = other.direction(to: self)
        let there = await direction(to: other)
        switch (there, await back) {
        case (.success(let sent), .success(let received)):
            return (sent, received)
        case (.failure(let error), .success), (.success, .failure(let error)):
            throw error
        case (.failure(let first), .failure(let second)):
            // The reset that one direction's error brought is what the other one failed of.
            throw (first as? IOError)?.code == .closed ? second : first
        }
    }

    /// One direction of an exchange. What breaks it ends both streams, a cancellation does not.
    private func direction(to target: ByteStream) async -> Result<Int, any Error> {
        do {
            return .success(try await copy(to: target))
        } catch {
            if !(error is CancellationError) {
                reset()
                target.reset()
            }
            return .failure(error)
        }
    }
}
