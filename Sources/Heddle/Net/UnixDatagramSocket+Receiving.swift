/// Receiving datagrams, one by one or as many as have come.
extension UnixDatagramSocket {
    /// The next datagram. A socket receives from the first such call on; until then, and while
    /// ``UnixDatagramOptions/receiveQueueBytes`` wait to be taken, datagrams stay in the kernel, and their senders
    /// wait. Descriptors that come with it are the caller's to close.
    ///
    /// - Throws: `CancellationError` when the task is cancelled, and then no datagram is lost. ``IOError``
    ///   with ``IOError/Code/busy`` if another task is receiving, ``IOError/Code/closed`` after a close on
    ///   this side, ``IOError/Code/loopStopped``; ``IOError/Code/broken`` if a connected peer breaks off, and then
    ///   receiving goes on when called again.
    public func receive() async throws -> UnixDatagram {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.receive() }
        }
        return try await core.receive()
    }

    /// All datagrams that have come and were not taken, at least one. Cheaper than one by one.
    ///
    /// - Throws: as ``receive()``.
    public func receiveBatch() async throws -> [UnixDatagram] {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.receiveBatch() }
        }
        return try await core.receiveBatch()
    }

    /// The datagrams as they come; ends when the socket is closed on this side.
    ///
    /// - Throws: (from the loop over it) as ``receive()``, except for a close. A peer that breaks off ends
    ///   the iteration but not the socket: another iteration goes on.
    public var datagrams: Datagrams { Datagrams(socket: self) }

    /// The same in batches of all that has come: what ``receiveBatch()`` returns.
    public var batches: Batches { Batches(socket: self) }

    /// The datagrams of a socket as a sequence. Iterations take turns: what one leaves, the next gets.
    public struct Datagrams: AsyncSequence, Sendable {
        /// A datagram with its sender's address.
        public typealias Element = UnixDatagram
        let socket: UnixDatagramSocket

        /// Begins an iteration; nothing is received before its first ``Iterator/next()``.
        public func makeAsyncIterator() -> Iterator { Iterator(socket: socket) }

        /// One pass over what comes.
        public struct Iterator: AsyncIteratorProtocol {
            let socket: UnixDatagramSocket

            /// The next datagram; nil once the socket is closed.
            ///
            /// - Throws: as ``UnixDatagramSocket/receive()``, except for a close.
            public mutating func next() async throws -> UnixDatagram? {
                try await next(isolation: #isolation)
            }

            /// What a `for await` loop calls: as ``next()``. It keeps the caller's isolation without being
            /// told of it.
            public nonisolated(nonsending) mutating func next(
                isolation actor: (any Actor)?
            ) async throws(any Error) -> UnixDatagram? {
                do {
                    return try await socket.receive()
                } catch let error as IOError where error.code == .closed {
                    return nil
                }
            }
        }
    }

    /// The batches of a socket as a sequence.
    public struct Batches: AsyncSequence, Sendable {
        /// All datagrams that had come, at least one.
        public typealias Element = [UnixDatagram]
        let socket: UnixDatagramSocket

        /// Begins an iteration; nothing is received before its first ``Iterator/next()``.
        public func makeAsyncIterator() -> Iterator { Iterator(socket: socket) }

        /// One pass over what comes.
        public struct Iterator: AsyncIteratorProtocol {
            let socket: UnixDatagramSocket

            /// The next batch; nil once the socket is closed.
            ///
            /// - Throws: as ``UnixDatagramSocket/receive()``, except for a close.
            public mutating func next() async throws -> [UnixDatagram]? {
                try await next(isolation: #isolation)
            }

            /// What a `for await` loop calls: as ``next()``. It keeps the caller's isolation without being
            /// told of it.
            public nonisolated(nonsending) mutating func next(
                isolation actor: (any Actor)?
            ) async throws(any Error) -> [UnixDatagram]? {
                do {
                    return try await socket.receiveBatch()
                } catch let error as IOError where error.code == .closed {
                    return nil
                }
            }
        }
    }
}
