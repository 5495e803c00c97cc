public import SystemPackage

/// Sending datagrams, one or many.
extension UnixDatagramSocket {
    /// Sends one datagram; returns when it is in the receiver's queue. Waits while that is full, or this socket's send
    /// buffer, and costs nothing meanwhile.
    ///
    /// - Parameters:
    ///   - bytes: as many as the send buffer takes, some 200 KiB by default; there may be none.
    ///   - address: where to; nil, or the same address, on a connected socket.
    ///   - descriptors: open files, sockets and whatever else has a descriptor, at most
    ///     ``UnixDatagram/maximumDescriptors``, of which the receiver gets duplicates. They stay the caller's, who
    ///     may close them once this has returned.
    /// - Throws: ``IOError`` that names the address. The receiver is gone: ``IOError/Code/notFound`` where there is no
    ///   such path, ``IOError/Code/connectionRefused`` where nobody has it or the name any more.
    ///   ``IOError/Code/limitExceeded`` for too many bytes, ``IOError/Code/permissionDenied``, also for a receiver
    ///   that is connected to another, ``IOError/Code/invalidArgument`` without a destination, with another one than
    ///   the socket is connected to, for too many descriptors or one that is not open,
    ///   ``IOError/Code/resourcesExhausted`` if too many are under way (RLIMIT_NOFILE for each user);
    ///   ``IOError/Code/closed``, ``IOError/Code/loopStopped``. `CancellationError` when it is cancelled while it
    ///   waits: for room, or, after 1,024 datagrams in a row, for the loop's other work to have its turn. In each
    ///   case the datagram was not sent, and the socket stays as it was.
    public func send(
        _ bytes: Bytes, to address: UnixAddress? = nil, descriptors: [FileDescriptor] = []
    ) async throws {
        guard descriptors.isEmpty else {
            let datagram = UnixDatagram(bytes, to: address, descriptors: descriptors)
            for failure in try await send([datagram]) { throw failure.error }
            return
        }
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.send(bytes, to: address) }
        }
        try await core.send(bytes, to: address)
    }

    /// Sends one datagram, with its descriptors, to its ``UnixDatagram/remoteAddress``; as
    /// ``send(_:to:descriptors:)``.
    public func send(_ datagram: UnixDatagram) async throws {
        try await send(
            datagram.bytes, to: datagram.remoteAddress, descriptors: datagram.descriptors)
    }

    /// One datagram of many that could not be sent.
    public typealias SendFailure = DatagramSendFailure

    /// Sends many datagrams, in their order and in as few system calls as there may be; returns when all but those
    /// that failed are in their receivers' queues. Waits for each receiver in turn: one whose queue is full has those
    /// behind it wait too.
    ///
    /// - Returns: those that were not sent, each with its error, as ``send(_:to:descriptors:)`` would have thrown it.
    ///   The others were sent.
    /// - Throws: ``IOError/Code/closed``, ``IOError/Code/loopStopped``, or `CancellationError` while it
    ///   waits; the first ones may have been sent then.
    public func send(_ datagrams: [UnixDatagram]) async throws -> [SendFailure] {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.core.send(datagrams) }
        }
        return try await core.send(datagrams)
    }
}
