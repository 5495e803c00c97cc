/// Writing to a stream, and the ends of it.
extension ByteStream {
    /// Writes `bytes`, without copying them.
    ///
    /// Returns when the bytes are taken, not when they are sent: small writes of one tick leave together
    /// at its end. Waits first while the unsent bytes are above the high-water mark
    /// (``StreamLimits/unsentHighWater``). The bytes are taken as a whole or, if this throws, not at all.
    ///
    /// - Throws: `CancellationError` if the task is cancelled while it waits; ``IOError`` with
    ///   ``IOError/Code/broken`` when the stream broke, ``IOError/Code/closed`` after a close or
    ///   ``shutdownWrite()`` on this side, ``IOError/Code/loopStopped``.
    @inlinable
    public func write(_ bytes: Bytes) async throws {
        if takeNow(bytes) { return }
        try await writeSlowly(bytes)
    }

    /// Takes `bytes` if that needs no waiting and no change of thread. Not async, so that the usual write
    /// costs a plain call.
    @usableFromInline
    func takeNow(_ bytes: Bytes) -> Bool {
        guard core.loop.isCurrent, core.canTakeBytes else { return false }
        core.enqueue(bytes)
        return true
    }

    @usableFromInline
    func writeSlowly(_ bytes: Bytes) async throws {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.write(bytes) }
        }
        try await core.write(bytes)
    }

    /// Writes the UTF-8 bytes of `string`; as ``write(_:)-(Bytes)``.
    @inlinable
    public func write(_ string: String) async throws {
        if takeNow(string) { return }
        try await writeSlowly(Bytes(string))
    }

    @usableFromInline
    func takeNow(_ string: String) -> Bool {
        var string = string
        return string.withUTF8 { utf8 in
            // The span is used only while the string lends its storage.
            unsafe takeNow(copying: RawSpan(_unsafeBytes: UnsafeRawBufferPointer(utf8)))
        }
    }

    /// Writes a copy of `bytes`; as ``write(_:)-(Bytes)``.
    public func write(_ bytes: [UInt8]) async throws {
        try await write(Bytes(bytes))
    }

    /// Writes a copy of the bytes of `span`; as ``write(_:)-(Bytes)``. Copied before this waits for anything.
    public func write(_ span: RawSpan) async throws {
        if takeNow(copying: span) { return }
        try await writeSlowly(Bytes(copying: span))
    }

    private func takeNow(copying span: RawSpan) -> Bool {
        guard core.loop.isCurrent, core.canTakeBytes else { return false }
        core.enqueue(core.pool.copy(span))
        return true
    }

    /// Writes several pieces in their order, as one: they leave in one system call where they can.
    /// As ``write(_:)-(Bytes)``.
    public func write(contentsOf pieces: [Bytes]) async throws {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.write(contentsOf: pieces) }
        }
        try await core.write(contentsOf: pieces)
    }

    /// Waits until everything written so far has been handed to the kernel.
    ///
    /// - Throws: `CancellationError` if cancelled; nothing is taken back then. ``IOError`` with the reason
    ///   if it cannot be sent.
    public func flush() async throws {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.flush() }
        }
        try await core.flush()
    }

    /// Half-close: the peer reads everything written and then the end; reading goes on. Again does
    /// nothing. See shutdown(2).
    ///
    /// - Throws: as ``flush()``.
    public func shutdownWrite() async throws {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.shutdownWrite() }
        }
        try await core.shutdownWrite()
    }

    /// Sends what was written and closes. Returns when the stream is closed; again does nothing.
    ///
    /// Waits for the peer to take the bytes no longer than ``StreamLimits/closeTimeout``, then resets. A
    /// cancelled close does not wait at all. Whoever reads or writes meanwhile gets ``IOError/Code/closed``.
    ///
    /// - Throws: ``IOError`` with the reason if bytes taken by earlier writes were lost and no write or
    ///   flush has told so. The stream is closed all the same.
    public func close() async throws {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.closeAndWait() }
        }
        try await core.closeAndWait()
    }

    /// Ends the stream at once: what is unsent is dropped and the peer sees a reset. Returns before
    /// it is closed; may be called from any thread, any number of times.
    public func reset() {
        let core = core
        guard core.loop.isCurrent else {
            core.loop.post { core.reset() }
            return
        }
        core.reset()
    }
}
