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
    public var datagrams: Incoming<UnixDatagram> { Incoming { try await self.receive() } }

    /// The same in batches of all that has come: what ``receiveBatch()`` returns.
    public var batches: Incoming<[UnixDatagram]> { Incoming { try await self.receiveBatch() } }
}
