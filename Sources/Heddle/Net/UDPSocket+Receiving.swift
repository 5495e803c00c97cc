/// Receiving datagrams, one by one or as many as have come.
extension UDPSocket {
    /// The next datagram. A socket receives from the first such call on; until then, and while
    /// ``UDPOptions/receiveQueueBytes`` wait to be taken, datagrams stay in the kernel's buffer.
    ///
    /// - Throws: `CancellationError` when the task is cancelled, and then no datagram is lost. ``IOError``
    ///   with ``IOError/Code/busy`` if another task is receiving, ``IOError/Code/closed`` after a close on
    ///   this side, ``IOError/Code/loopStopped``. What the network answered to a datagram sent before is
    ///   thrown here too, on a connected socket or with ``UDPOptions/reportsUnreachable``: for example
    ///   ``IOError/Code/connectionRefused``, with the address. The socket stays as it was then: receive again.
    public func receive() async throws -> Datagram {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.receive() }
        }
        return try await core.receive()
    }

    /// All datagrams that have come and were not taken, at least one. Cheaper than one by one.
    ///
    /// - Throws: as ``receive()``.
    public func receiveBatch() async throws -> [Datagram] {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.receiveBatch() }
        }
        return try await core.receiveBatch()
    }

    /// The datagrams as they come; ends when the socket is closed on this side, or its server stops.
    ///
    /// - Throws: (from the loop over it) as ``receive()``, except for a close. An error of the network ends
    ///   the iteration but not the socket: another iteration goes on.
    public var datagrams: Incoming<Datagram> { Incoming { try await self.receive() } }

    /// The same in batches of all that has come: what ``receiveBatch()`` returns.
    public var batches: Incoming<[Datagram]> { Incoming { try await self.receiveBatch() } }
}
