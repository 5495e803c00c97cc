/// The input and output of a stream as frames.
extension ByteStream.Inbound {
    /// The input cut into frames, to its end.
    ///
    /// - Throws: (from the loop over it) as ``ByteStream/read()``, and ``IOError`` with
    ///   ``IOError/Code/limitExceeded`` for a frame beyond the bound, ``IOError/Code/malformed`` for a length that cannot
    ///   be, ``IOError/Code/unexpectedEnd`` if the input ends in the middle of a frame. Where the next frame would begin
    ///   is unknown after these, so they are thrown again by every further call, and the stream should be closed.
    public func frames(_ framing: Framing) -> Frames {
        Frames(stream: stream, framing: framing)
    }

    /// The frames of a stream. Iterate once: what came behind the frame at which an iteration is given up, other
    /// readers get only after ``Iterator/putBackRest()``.
    public struct Frames: AsyncSequence, Sendable {
        /// A frame without what marks its bounds: a slice of what was read, or a copy where it came in several pieces.
        public typealias Element = Bytes
        let stream: ByteStream
        let framing: Framing

        /// Begins an iteration; nothing is read before its first ``Iterator/next()``.
        public func makeAsyncIterator() -> Iterator {
            Iterator(stream: stream, framing: framing)
        }

        /// One pass over the input.
        public struct Iterator: AsyncIteratorProtocol, Sendable {
            let stream: ByteStream
            var reader: FrameReader

            init(stream: ByteStream, framing: Framing) {
                self.stream = stream
                reader = FrameReader(framing)
            }

            /// How the rest of the input is cut. May be changed between two frames, for example after a head of
            /// lines to the size of the body.
            public var framing: Framing {
                get { reader.framing }
                set { reader.framing = newValue }
            }

            /// The next frame; nil at the end of the input.
            ///
            /// - Throws: as ``ByteStream/Inbound/frames(_:)``. Cancelling loses no byte: the beginning of a frame that
            ///   has come is read again by the next call, or by whoever reads from the stream.
            @inlinable
            public mutating func next() async throws -> Bytes? {
                if let frame = try takeNow() { return frame }
                return try await readNext()
            }

            /// What a `for await` loop calls: as ``next()``, in the caller's isolation.
            @inlinable
            public nonisolated(nonsending) mutating func next(
                isolation actor: (any Actor)?
            ) async throws(any Error) -> Bytes? {
                if let frame = try takeNow() { return frame }
                return try await readNext()
            }

            /// Gives the stream back what came behind the last frame, so that other readers get it, in order. To
            /// be called while nobody else reads.
            public mutating func putBackRest() async {
                let rest = reader.takeRest()
                guard !rest.isEmpty else { return }
                let core = stream.core
                guard core.loop.isCurrent else {
                    // Putting back does not fail.
                    try? await core.loop.hop { core.putBack([rest]) }
                    return
                }
                core.putBack([rest])
            }

            @usableFromInline
            mutating func takeNow() throws -> Bytes? {
                try reader.takeNow(from: stream.core)
            }

            @usableFromInline
            mutating func readNext() async throws -> Bytes? {
                try await reader.next(from: stream.core)
            }
        }
    }
}

extension ByteStream {
    /// Writes `frame` with what marks its bounds, as one and without copying it unless it is short; otherwise as
    /// ``write(_:)-(Bytes)``.
    ///
    /// - Throws: as ``Framing/pieces(of:)`` and ``write(_:)-(Bytes)``; nothing is written then.
    @inlinable
    public func write(frame: Bytes, as framing: Framing) async throws {
        if try takeNow(frame: frame, as: framing) { return }
        try await writeSlowly(frame: frame, as: framing)
    }

    @usableFromInline
    func takeNow(frame: Bytes, as framing: Framing) throws -> Bool {
        try framing.check(frame.bytes, for: core.subject)
        guard core.loop.isCurrent, core.canTakeBytes else { return false }
        core.enqueue(frame, as: framing)
        return true
    }

    @usableFromInline
    func writeSlowly(frame: Bytes, as framing: Framing) async throws {
        try await write(contentsOf: framing.piecesUnchecked(of: frame))
    }
}
