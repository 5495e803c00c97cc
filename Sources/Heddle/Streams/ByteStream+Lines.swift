/// The input of a stream as lines of text.
extension ByteStream.Inbound {
    /// The input as lines of text without their ends (LF, or CR LF). The last line may lack its end.
    /// Bytes that are not UTF-8 become U+FFFD. For lines as bytes there is `frames(.lines)`.
    public var lines: Lines { lines(maximumBytes: Framing.defaultMaximumLineBytes) }

    /// The same with a bound of one's own.
    ///
    /// - Parameter maximumBytes: the longest line taken, without its end. A longer one makes the
    ///   iteration throw ``IOError/Code/limitExceeded``, and the stream should be closed then.
    public func lines(maximumBytes: Int) -> Lines {
        Lines(frames: frames(.lines(maximumBytes: maximumBytes)))
    }

    /// The lines of a stream. What one iteration has begun to read the next one does not get: iterate
    /// once.
    public struct Lines: AsyncSequence, Sendable {
        /// A line without its end.
        public typealias Element = String
        let frames: Frames

        /// Begins an iteration; nothing is read before its first ``Iterator/next()``.
        public func makeAsyncIterator() -> Iterator {
            Iterator(frames: frames.makeAsyncIterator())
        }

        /// One pass over the input.
        public struct Iterator: AsyncIteratorProtocol {
            var frames: Frames.Iterator

            /// The next line; nil at the end of the input.
            ///
            /// - Throws: as ``ByteStream/read()``; cancelling loses no byte.
            @inlinable
            public mutating func next() async throws -> String? {
                if let line = try takeNow() { return line }
                return try await readNext()
            }

            /// What a `for await` loop calls: as ``next()``, in the caller's isolation.
            @inlinable
            public nonisolated(nonsending) mutating func next(
                isolation actor: (any Actor)?
            ) async throws(any Error) -> String? {
                if let line = try takeNow() { return line }
                return try await readNext()
            }

            @usableFromInline
            mutating func takeNow() throws -> String? {
                try frames.takeNow().map { String($0) }
            }

            @usableFromInline
            mutating func readNext() async throws -> String? {
                try await frames.readNext().map { String($0) }
            }
        }
    }
}
