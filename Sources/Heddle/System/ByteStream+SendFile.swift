internal import SystemPackage

/// Files on their way to a peer.
extension ByteStream {
    /// Sends bytes of a file, which do not pass through this process's memory (sendfile(2)).
    ///
    /// They come behind what was written before; what other tasks write meanwhile comes behind them. Returns when the
    /// kernel has taken all of them, so a slow peer holds this up, and neither the loop nor a thread of the pool.
    ///
    /// A part of a file must not pass for the whole: when this fails or is cancelled after bytes were sent, the
    /// stream is reset (a peer sees that over TCP), and whoever uses it gets ``IOError/Code/closed``. Before, it stays as it was.
    ///
    /// - Parameters:
    ///   - file: a file that is open for reading; of any loop. A close of it waits for this.
    ///   - offset: where to begin, in bytes from the start of the file.
    ///   - count: how many bytes; nil for all up to the end of the file, wherever that is when sending comes to it.
    /// - Returns: how many bytes were sent.
    /// - Throws: as ``write(_:)-(Bytes)``, and ``IOError`` that names the file: ``IOError/Code/unexpectedEnd`` if it
    ///   ends before `count` bytes, ``IOError/Code/wrongFileType`` for a folder, ``IOError/Code/closed`` for a closed
    ///   one, ``IOError/Code/invalidArgument`` for one that is open for writing alone and what is out of bounds,
    ///   ``IOError/Code/resourcesExhausted`` when descriptors run out: each transfer takes one.
    @discardableResult
    public final func sendFile(
        _ file: File, from offset: Int64 = 0, count: Int64? = nil
    ) async throws -> Int64 {
        let part = try FilePart(
            descriptor: file.core.file.descriptor, path: file.path.string, offset: offset,
            count: count)
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.send(part, of: file) }
        }
        return try await send(part, of: file)
    }

    /// On the loop, so that at its end the file is let go before the loop is gone.
    private final func send(_ part: FilePart, of file: File) async throws -> Int64 {
        try await file.core.hold(for: FilePart.operation)
        defer { file.core.letGo() }
        return try await core.sendFile(part)
    }
}
