/// Reading from a stream, a piece at a time or as a sequence.
extension ByteStream {
    /// The next bytes that come, at least one; nil at the end of the input.
    ///
    /// - Throws: `CancellationError` when the task is cancelled, and then no byte is lost: the next read
    ///   gets what this one would have. ``IOError`` with ``IOError/Code/busy`` if another task is
    ///   reading, ``IOError/Code/broken`` when the stream broke, ``IOError/Code/closed`` after a close
    ///   on this side, ``IOError/Code/loopStopped``.
    public func read() async throws -> Bytes? {
        guard core.loop.isCurrent else { return try await readElsewhere() }
        return try await core.read(upTo: .max)
    }

    @inline(never)
    private func readElsewhere() async throws -> Bytes? {
        try await core.loop.hop { try await self.core.read(upTo: .max) }
    }

    /// The next bytes that come, from one to `limit` of them; nil at the end of the input.
    ///
    /// - Parameter limit: at least 1, or ``IOError/Code/invalidArgument`` is thrown.
    /// - Throws: as ``read()``.
    public func read(upTo limit: Int) async throws -> Bytes? {
        guard limit > 0 else {
            throw IOError(
                .invalidArgument, "read from", on: core.subject,
                reason: "a limit of \(limit) bytes")
        }
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.read(upTo: limit) }
        }
        return try await core.read(upTo: limit)
    }

    /// Reads into `buffer`, from its start, as many bytes as have come and fit: at least one, or 0 at the
    /// end of the input. The rest of `buffer` is left as it was.
    ///
    /// - Throws: as ``read()``; ``IOError/Code/invalidArgument`` if `buffer` is empty.
    public func read(into buffer: inout [UInt8]) async throws -> Int {
        guard let bytes = try await read(upTo: buffer.count) else { return 0 }
        buffer.replaceSubrange(0..<bytes.count, with: bytes)
        return bytes.count
    }

    /// Reads into `span`, from its start, as many bytes as have come and fit: at least one, or 0 at the end of
    /// the input. The rest of `span` is left as it was.
    ///
    /// - Throws: as ``read()``; ``IOError/Code/invalidArgument`` if `span` is empty.
    public func read(into span: inout MutableRawSpan) async throws -> Int {
        guard let bytes = try await read(upTo: span.byteCount) else { return 0 }
        // As many bytes as fit were asked for.
        unsafe span.withUnsafeMutableBytes { target in
            unsafe bytes.withUnsafeBytes { unsafe target.copyMemory(from: $0) }
        }
        return bytes.count
    }

    /// Exactly `count` bytes, in one piece.
    ///
    /// - Throws: ``IOError/Code/unexpectedEnd`` if the input ends before; the bytes that came are gone
    ///   then. As ``read()`` otherwise, and a cancelled read keeps all bytes for the next one.
    public func read(exactly count: Int) async throws -> Bytes {
        guard count > 0 else {
            if count == 0 { return Bytes() }
            throw IOError(
                .invalidArgument, "read from", on: core.subject,
                reason: "a count of \(count) bytes")
        }
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.read(exactly: count) }
        }
        return try await core.read(exactly: count)
    }

    /// What comes in, piece by piece as it comes, to the end of the input.
    ///
    /// - Throws: (from the loop over it) as ``read()``.
    public var inbound: Inbound { Inbound(stream: self) }

    /// The bytes of a stream as a sequence. Iterations take turns: what one leaves, the next gets.
    public struct Inbound: AsyncSequence, Sendable {
        /// A piece as it came: from one byte to 128 KiB.
        public typealias Element = Bytes
        let stream: ByteStream

        /// Begins an iteration; nothing is read before its first ``Iterator/next()``.
        public func makeAsyncIterator() -> Iterator {
            Iterator(stream: stream)
        }

        /// One pass over the input.
        public struct Iterator: AsyncIteratorProtocol {
            @usableFromInline let stream: ByteStream

            /// The next piece; nil at the end of the input.
            ///
            /// - Throws: as ``ByteStream/read()``; cancelling loses no byte.
            @inlinable
            public mutating func next() async throws -> Bytes? {
                try await stream.read()
            }

            /// What a `for await` loop calls: as ``next()``. It keeps the caller's isolation without being told of it,
            /// which spares each iteration a switch back to it.
            @inlinable
            public nonisolated(nonsending) mutating func next(
                isolation actor: (any Actor)?
            ) async throws(any Error) -> Bytes? {
                try await stream.read()
            }
        }
    }
}
