internal import Glibc

/// Sending one datagram: at once, or when the kernel has room for it.
extension DatagramCore {
    /// What is to be done after the kernel refused.
    enum Refusal {
        case tryAgain, waitForRoom, fail
    }

    /// Sends; returns when the kernel has taken the datagram.
    func send(_ bytes: Bytes, to address: SocketAddress?) async throws {
        var isRepeated = false
        // Whoever sends without end must not keep the loop from everything else.
        if sentThisTurn >= Self.sentPerTurn { try await waitForRoom() }
        while true {
            let status = try sendNow(bytes, to: address)
            guard status < 0 else { return }
            switch refusal(of: status, isRepeated: isRepeated) {
            case .tryAgain: isRepeated = true
            case .waitForRoom: try await waitForRoom()
            case .fail: throw sendError(status, to: address)
            }
        }
    }

    private func sendNow(_ bytes: Bytes, to address: SocketAddress?) throws -> Int32 {
        let destination = try destination(for: address)
        // The bytes are held by the caller, and the kernel copies both during the call.
        let sent = unsafe bytes.withUnsafeBytes { memory in
            guard let destination else {
                return unsafe Glibc.send(
                    socket.descriptor, memory.baseAddress, memory.count, Self.flags)
            }
            return unsafe destination.withSockaddr { name, length in
                unsafe sendto(
                    socket.descriptor, memory.baseAddress, memory.count, Self.flags, name, length)
            }
        }
        guard sent >= 0 else { return -errno }
        sentThisTurn += 1
        counts.sent += 1
        counts.sentBytes += UInt64(sent)
        return 0
    }

    private static let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)

    /// The destination to name to the kernel; nil on a connected socket.
    ///
    /// - Throws: what is wrong with it, or what has become of the socket.
    @inline(__always)
    func destination(for address: SocketAddress?) throws(IOError) -> SocketAddress? {
        guard phase == .open else { throw endedError("send to") }
        if remote == nil, let address { return address }
        return try connectedDestination(for: address)
    }

    private func connectedDestination(for address: SocketAddress?) throws(IOError) -> SocketAddress?
    {
        guard let remote else {
            throw IOError(
                .invalidArgument, "send from", on: "\(local)",
                reason: "no destination, and the socket is not connected")
        }
        if let address, address != remote {
            throw IOError(
                .invalidArgument, "send to", on: "\(address)",
                reason: "the socket is connected to \(remote)")
        }
        if let error = takePendingError() { throw error }
        return nil
    }

    func refusal(of status: Int32, isRepeated: Bool) -> Refusal {
        switch -status {
        case EINTR:
            return .tryAgain
        case EAGAIN:
            return .waitForRoom
        default:
            // On a socket that is not connected it may be about an earlier datagram, which is for
            // whoever receives.
            guard remote == nil else {
                forgetErrors()
                return .fail
            }
            return options.reportsUnreachable && !isRepeated && noteErrors() > 0 ? .tryAgain : .fail
        }
    }

    func sendError(_ status: Int32, to address: SocketAddress?) -> IOError {
        IOError(errno: -status, "send to", on: "\(address ?? remote ?? local)")
    }

    /// Waits until the kernel takes more, which takes one turn of the loop at least. Cancelling ends only
    /// this wait.
    func waitForRoom() async throws {
        guard phase == .open else { throw endedError("send to") }
        let waiter = Waiter()
        writers.append(waiter)
        defer { writers.removeAll { $0 === waiter } }
        watchWhatIsWanted()
        await loop.waitOnce(for: waiter)
        if waiter.end == .cancelled { throw CancellationError() }
        guard phase == .open else { throw endedError("send to") }
    }
}
