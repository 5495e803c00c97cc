/// The input of a connection as lines of text.
extension TCPConnection.Inbound {
    /// The input as lines of text without their ends (LF, or CR LF). The last line may lack its end.
    /// Bytes that are not UTF-8 become U+FFFD.
    public var lines: Lines { lines(maximumBytes: 64 * 1024) }

    /// The same with a bound of one's own.
    ///
    /// - Parameter maximumBytes: the longest line taken, without its end. A longer one makes the
    ///   iteration throw ``IOError/Code/limitExceeded``, and the connection should be closed then.
    public func lines(maximumBytes: Int) -> Lines {
        precondition(maximumBytes > 0, "lines need room for at least one byte")
        return Lines(connection: connection, maximumBytes: maximumBytes)
    }

    /// The lines of a connection. What one iteration has begun to read the next one does not get: iterate
    /// once.
    public struct Lines: AsyncSequence, Sendable {
        /// A line without its end.
        public typealias Element = String
        let connection: TCPConnection
        let maximumBytes: Int

        /// Begins an iteration; nothing is read before its first ``Iterator/next()``.
        public func makeAsyncIterator() -> Iterator {
            Iterator(connection: connection, maximumBytes: maximumBytes)
        }

        /// One pass over the input.
        public struct Iterator: AsyncIteratorProtocol {
            let connection: TCPConnection
            let maximumBytes: Int
            /// What came behind the last line.
            private var rest = Bytes()
            /// The beginning of a line whose end has not come, copied so that it holds no large block.
            private var begun: [UInt8] = []

            init(connection: TCPConnection, maximumBytes: Int) {
                self.connection = connection
                self.maximumBytes = maximumBytes
            }

            /// - Throws: as ``TCPConnection/read()``; cancelling loses no byte.
            public mutating func next() async throws -> String? {
                while true {
                    if let line = try takeLine() { return line }
                    guard let bytes = try await connection.read() else { return try takeLastLine() }
                    rest = bytes
                }
            }

            private mutating func takeLine() throws -> String? {
                let end = rest.firstIndex(of: UInt8(ascii: "\n"))
                let piece = rest.slice(from: 0, count: end ?? rest.count)
                guard begun.count + piece.count <= maximumBytes + 1 else { throw tooLong() }
                guard let end else {
                    begun.append(contentsOf: piece)
                    rest = Bytes()
                    return nil
                }
                rest = rest.slice(from: end + 1, count: rest.count - end - 1)
                if begun.isEmpty { return try text(of: piece) }
                begun.append(contentsOf: piece)
                defer { begun.removeAll(keepingCapacity: begun.count <= 4096) }
                return try text(of: begun)
            }

            private mutating func takeLastLine() throws -> String? {
                guard !begun.isEmpty else { return nil }
                guard begun.count <= maximumBytes else { throw tooLong() }
                defer { begun = [] }
                return String(decoding: begun, as: UTF8.self)
            }

            private func text(of line: some RandomAccessCollection<UInt8>) throws -> String {
                let content = line.last == UInt8(ascii: "\r") ? line.dropLast(1).count : line.count
                guard content <= maximumBytes else { throw tooLong() }
                return String(decoding: line.prefix(content), as: UTF8.self)
            }

            private func tooLong() -> IOError {
                IOError(
                    .limitExceeded, "read a line from", on: connection.stream.subject,
                    reason: "longer than \(maximumBytes) bytes")
            }
        }
    }
}
