internal import Glibc

/// Sending one datagram: at once, or when there is room for it.
extension DatagramCarrier {
    /// Sends; returns when the kernel has taken the datagram.
    // In line: as for many.
    @inline(__always)
    func send(_ bytes: Bytes, to address: Message.Address?) async throws {
        var isRepeated = false
        var attempt = 0
        // Whoever sends without end must not keep the loop from everything else.
        if sentThisTurn >= Self.sentPerTurn { try await waitForTurn() }
        while true {
            let status = try sendNow(bytes, to: address)
            guard status < 0 else { return }
            switch refusal(of: status, isRepeated: isRepeated) {
            case .tryAgain: isRepeated = true
            case .waitForRoom:
                attempt += 1
                try await waitForRoom(to: address, attempt: attempt)
            case .fail: throw sendError(-status, to: subject(to: address))
            }
        }
    }

    private func sendNow(_ bytes: Bytes, to address: Message.Address?) throws -> Int32 {
        let status = socket.sendDatagram(bytes, to: try destination(for: address))
        guard status >= 0 else { return status }
        sentThisTurn += 1
        counts.sent += 1
        counts.sentBytes += UInt64(bytes.count)
        return 0
    }

    /// The destination to name to the kernel; nil on a connected socket.
    ///
    /// - Throws: what is wrong with it, or what has become of the socket.
    @inline(__always)
    func destination(for address: Message.Address?) throws(IOError) -> Message.Address? {
        guard phase == .open else { throw endedError("send to") }
        if !isConnected, let address { return address }
        return try connectedDestination(for: address)
    }

    private func connectedDestination(
        for address: Message.Address?
    ) throws(IOError) -> Message.Address? {
        guard isConnected else {
            throw IOError(
                .invalidArgument, "send from", on: subject,
                reason: "no destination, and the socket is not connected")
        }
        if let address, address != remote {
            throw IOError(
                .invalidArgument, "send to", on: "\(address)",
                reason: "the socket is connected to \(subject)")
        }
        if let error = takePendingError() { throw error }
        return nil
    }

    /// What errors call the destination.
    func subject(to address: Message.Address?) -> String {
        address.map { "\($0)" } ?? subject
    }
}

extension DatagramCore {
    /// Waits until the kernel takes more from this socket, which takes one turn of the loop at least.
    /// Cancelling ends only this wait.
    final func waitForRoom(_ waiter: Waiter = Waiter()) async throws {
        guard phase == .open else { throw endedError("send to") }
        writers.append(waiter)
        defer { writers.removeAll { $0 === waiter } }
        watchWhatIsWanted()
        await loop.waitOnce(for: waiter)
        if waiter.end == .cancelled { throw CancellationError() }
        guard phase == .open else { throw endedError("send to") }
    }

    /// Waits until the loop's other input and output have had their turn, after many datagrams in a row. Mostly the
    /// kernel tells at once that it takes more. But it calls no socket writable of whose send buffer others fill a
    /// part, for as long as they take nothing: then a timer ends the wait.
    final func waitForTurn() async throws {
        guard phase == .open else { throw endedError("send to") }
        let alarm = WaitTimer(core: loop)
        loop.schedule(alarm, at: UVLoop.hrtimeNanoseconds + Self.turnNanoseconds)
        defer { loop.cancel(alarm) }
        try await waitForRoom(alarm.waiter)
        // Once for all who waited: they go on in one turn.
        guard sentThisTurn >= Self.sentPerTurn, loop.queues.turn != turnOfCount else { return }
        sentThisTurn = 0
        turnOfCount = loop.queues.turn
    }
}

extension Socket {
    private static var datagramFlags: Int32 { Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT) }

    /// Sends one datagram without waiting; 0, or a negative status.
    @inline(__always)
    func sendDatagram(_ bytes: Bytes, to address: (some DatagramAddress)?) -> Int32 {
        // The bytes are held by the caller, and the kernel copies both during the call.
        let sent = unsafe bytes.withUnsafeBytes { memory in
            guard let address else {
                return unsafe Glibc.send(
                    descriptor, memory.baseAddress, memory.count, Self.datagramFlags)
            }
            return unsafe address.withSockaddr { name, length in
                unsafe sendto(
                    descriptor, memory.baseAddress, memory.count, Self.datagramFlags, name, length)
            }
        }
        return sent >= 0 ? 0 : -errno
    }
}
