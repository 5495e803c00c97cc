internal import Glibc

/// Receiving: a batch for each turn of the loop into a bounded queue, and tasks that take from it.
extension DatagramCore {
    /// Runs in libuv's callback, once per turn: at most one batch, so that other work has its turn.
    func takeIn() {
        guard phase == .open, isReceiving else { return }
        guard unread.byteCount < options.receiveQueueBytes else {
            // Full since the last turn, so whoever takes is slower than the network: leave the rest to the
            // kernel. Not at once: the usual taker has taken all by now, and that costs no system call.
            isReceiving = false
            isPaused = true
            return
        }
        let messages = memory.received
        let count = messages.receive(
            from: socket.descriptor, limit: options.maximumDatagramBytes)
        guard count >= 0 else { return receivingFailed(with: count) }
        unread.reserve(Int(count))
        for index in 0..<Int(count) { append(index, of: messages) }
        counts.received += Int(count)
        reader?.wake(on: loop.queues)
    }

    private func append(_ index: Int, of messages: ReceivedMessages) {
        let isTruncated = messages.isTruncated(index)
        // The memory is used again for the next batch: the bytes are copied, and the name is read here.
        let (bytes, address) = unsafe (
            loop.pool.copy(RawSpan(_unsafeBytes: messages.bytes(index))),
            SocketAddress(sockaddr: messages.takeName(index))
        )
        unread.append(Datagram(bytes, from: address, isTruncated: isTruncated))
        counts.receivedBytes += UInt64(bytes.count)
        if isTruncated { counts.truncated += 1 }
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
    func receive() async throws -> Datagram {
        if unread.isEmpty || isTroubled { try await waitForDatagrams() }
        let datagram = unread.removeFirst()
        if isPaused { resumeIfRoom() }
        return datagram
    }

    /// All that has come, at least one.
    func receiveBatch() async throws -> [Datagram] {
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
        guard unread.byteCount <= options.receiveQueueBytes / 2, !isInputEnded else { return }
        isPaused = false
        isReceiving = true
        watchWhatIsWanted()
    }

    /// Takes nothing more from the network; what has come may still be taken.
    func endInput() {
        guard !isInputEnded else { return }
        isInputEnded = true
        isReceiving = false
        isPaused = false
        watchWhatIsWanted()
        reader?.wake(on: loop.queues)
    }
}
