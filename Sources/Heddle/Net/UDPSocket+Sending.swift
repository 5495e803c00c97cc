/// Sending datagrams, one or many.
extension UDPSocket {
    /// One datagram of many that could not be sent.
    public typealias SendFailure = DatagramSendFailure

    /// Sends one datagram; returns when the kernel has taken it, which says nothing of its arrival.
    ///
    /// - Parameters:
    ///   - bytes: at most 65,507 bytes over IPv4 and 65,527 over IPv6; there may be none.
    ///   - address: where to; nil, or the same address, on a connected socket.
    /// - Throws: ``IOError`` that names the address: ``IOError/Code/limitExceeded`` for too many bytes,
    ///   ``IOError/Code/unreachable``, ``IOError/Code/permissionDenied`` for a broadcast that the options do
    ///   not allow, ``IOError/Code/invalidArgument`` without a destination, with another one than the socket
    ///   is connected to, or one of the wrong family; ``IOError/Code/closed``,
    ///   ``IOError/Code/loopStopped``. A connected socket also throws what the network answered to the one
    ///   before, mostly ``IOError/Code/connectionRefused``. `CancellationError` when it is cancelled while
    ///   it waits: for room in the kernel, or, after 1,024 datagrams in a row, for the loop's other work to
    ///   have its turn. In each case the datagram was not sent.
    public func send(_ bytes: Bytes, to address: SocketAddress? = nil) async throws {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.send(bytes, to: address) }
        }
        try await core.send(bytes, to: address)
    }

    /// Sends one datagram to its ``Datagram/remoteAddress``; as ``send(_:to:)``.
    public func send(_ datagram: Datagram) async throws {
        try await send(datagram.bytes, to: datagram.remoteAddress)
    }

    /// Sends many datagrams, in their order and in as few system calls as there may be; returns when the
    /// kernel has taken all but those that failed.
    ///
    /// Neighbours with one destination and one size cost least: see ``UDPOptions/usesSegmentation``.
    ///
    /// - Returns: those that were not sent, each with its error, as ``send(_:to:)`` would have thrown it.
    ///   The others were sent.
    /// - Throws: ``IOError/Code/closed``, ``IOError/Code/loopStopped``, or `CancellationError` while it
    ///   waits, as ``send(_:to:)`` does; the first ones may have been sent then.
    public func send(_ datagrams: [Datagram]) async throws -> [SendFailure] {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.send(datagrams) }
        }
        return try await core.send(datagrams)
    }
}
