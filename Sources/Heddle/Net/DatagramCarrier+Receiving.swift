internal import Glibc

/// Receiving: a batch for each turn of the loop into a bounded queue, and tasks that take from it.
extension DatagramCarrier {
    /// Runs in libuv's callback, once per turn: at most one batch, so that other work has its turn.
    ///
    /// - Returns: how many datagrams came.
    @discardableResult
    @inline(__always)
    func takeIn() -> Int {
        guard phase == .open, isReceiving else { return 0 }
        let room = room
        guard room > 0 else {
            // Full since the last turn, so whoever takes is slower than the network: leave the rest to the
            // kernel. Not at once: the usual taker has taken all by now, and that costs no system call.
            isReceiving = false
            isPaused = true
            return 0
        }
        let messages = memory.received
        let count = messages.receive(
            from: socket.descriptor, limit: maximumDatagramBytes, controlBytes: controlBytes,
            atMost: room)
        guard count >= 0 else {
            receivingFailed(with: count)
            return 0
        }
        unread.reserve(Int(count))
        for index in 0..<Int(count) {
            let message = takeMessage(index, of: messages)
            counts.receivedBytes += UInt64(message.bytes.count)
            if messages.isTruncated(index) { counts.truncated += 1 }
            unread.append(message)
        }
        counts.received += Int(count)
        reader?.wake(on: loop.queues)
        return Int(count)
    }

    private func receivingFailed(with status: Int32) {
        switch -status {
        case EAGAIN, EINTR:
            return
        case EBADF, ENOTSOCK, EFAULT, EINVAL:
            end(with: IOError(errno: -status, "receive from", on: subject))
        default:
            // An answer of the network to something sent before (udp(7)).
            if noteErrors() == 0 { note(IOError(errno: -status, "receive from", on: subject)) }
        }
    }

    // MARK: Taking

    /// The next datagram.
    func receive() async throws -> Message {
        if unread.isEmpty || isTroubled { try await waitForDatagrams() }
        let datagram = unread.removeFirst()
        if isPaused { resumeIfRoom() }
        return datagram
    }

    /// All that has come, at least one.
    func receiveBatch() async throws -> [Message] {
        if unread.isEmpty || isTroubled { try await waitForDatagrams() }
        let datagrams = unread.removeAll()
        if isPaused { resumeIfRoom() }
        return datagrams
    }

    /// Whether something else than a datagram is to be told.
    private var isTroubled: Bool {
        phase != .open || !pendingErrors.isEmpty || Task.isCancelled
    }

    private func waitForDatagrams() async throws {
        guard reader == nil else {
            throw IOError(
                .busy, "receive from", on: subject, reason: "another task is receiving")
        }
        while true {
            try Task.checkCancellation()
            guard phase == .open else { throw endedError("receive from") }
            if let error = takePendingError() { throw error }
            if !unread.isEmpty { return }
            guard !isInputEnded else { throw endedError("receive from") }
            if !isReceiving {
                isReceiving = true
                isPaused = false
                watchWhatIsWanted()
            }
            let waiter = Waiter()
            reader = waiter
            await loop.waitOnce(for: waiter)
            reader = nil
            // What came at the same moment stays for the next who receives.
            if waiter.end == .cancelled { throw CancellationError() }
        }
    }

    private func resumeIfRoom() {
        guard hasMuchRoom, !isInputEnded else { return }
        isPaused = false
        isReceiving = true
        watchWhatIsWanted()
    }
}
