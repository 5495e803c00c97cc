internal import Glibc

/// Sending many datagrams: as few system calls and passes through the kernel as it allows, and an answer
/// for each datagram.
extension DatagramCarrier {
    /// Sends all; returns those that could not be sent.
    // In line: a function called with `await` has a frame of its own, and that costs.
    @inline(__always)
    func send(_ datagrams: [Message]) async throws -> [DatagramSendFailure] {
        guard phase == .open else { throw endedError("send to") }
        var batch = SendingBatch(datagrams: datagrams)
        while !sendMore(of: &batch) {
            guard batch.attempts > 0 else {
                try await waitForTurn()
                continue
            }
            let address = batch.datagrams[batch.next].remoteAddress
            try await waitForRoom(to: address, attempt: batch.attempts)
        }
        return batch.failures
    }

    /// Sends until all are dealt with; false when there is no room for the next, or others have their turn.
    private func sendMore(of batch: inout SendingBatch<Message>) -> Bool {
        let outgoing = memory.outgoing
        while batch.next < batch.datagrams.count {
            if sentThisTurn >= Self.sentPerTurn {
                batch.attempts = 0
                return false
            }
            if Message.mayHaveDescriptors, batch.datagrams[batch.next].descriptorCount > 0 {
                guard sendWithDescriptors(&batch) else { return false }
                continue
            }
            outgoing.removeAll()
            fill(outgoing, from: &batch)
            // The bytes are held by the batch.
            guard outgoing.messageCount > 0 else { continue }
            let status = outgoing.send(to: socket.descriptor)
            if status > 0 {
                didSend(Int(status), of: outgoing, &batch)
            } else if !goesOn(after: status, group: outgoing.datagramCount(of: 0), &batch) {
                return false
            }
        }
        return true
    }

    /// Sends the next datagram, with its descriptors; false if the kernel has no room for it.
    private func sendWithDescriptors(_ batch: inout SendingBatch<Message>) -> Bool {
        let datagram = batch.datagrams[batch.next]
        do {
            let address = try destination(for: datagram.remoteAddress)
            let status = datagram.sendWithDescriptors(from: socket, to: address)
            guard status >= 0 else { return goesOn(after: status, group: 1, &batch) }
        } catch {
            batch.fail(with: error)
            return true
        }
        counts.sent += 1
        counts.sentBytes += UInt64(datagram.bytes.count)
        sentThisTurn += 1
        batch.next += 1
        return true
    }

    /// Puts as many messages together as one call takes. A datagram that cannot be sent at all fails when
    /// its turn has come.
    private func fill(_ outgoing: OutgoingMessages, from batch: inout SendingBatch<Message>) {
        var index = batch.next
        while index < batch.datagrams.count, !outgoing.isFull {
            let datagram = batch.datagrams[index]
            // One with descriptors goes alone, when its turn has come.
            if Message.mayHaveDescriptors, datagram.descriptorCount > 0 { return }
            let isJoined =
                index > batch.next && index >= batch.singlesEnd
                && datagram.bytes.count <= segmentLimit
                && datagram.remoteAddress == batch.datagrams[index - 1].remoteAddress
                && join(datagram.bytes, outgoing)
            if !isJoined {
                do {
                    add(datagram.bytes, to: try destination(for: datagram.remoteAddress), outgoing)
                } catch {
                    if index == batch.next { batch.fail(with: error) }
                    return
                }
            }
            index += 1
        }
    }

    @inline(__always)
    private func join(_ bytes: Bytes, _ outgoing: OutgoingMessages) -> Bool {
        // The batch holds the bytes until they are sent.
        unsafe outgoing.join(bytes.unsafeMemory)
    }

    @inline(__always)
    private func add(
        _ bytes: Bytes, to destination: Message.Address?, _ outgoing: OutgoingMessages
    ) {
        // The batch holds the bytes until they are sent; the name is copied during the call.
        withExtendedLifetime(bytes) {
            guard let destination else {
                return unsafe outgoing.append(bytes.unsafeMemory, to: nil)
            }
            unsafe destination.withSockaddr { name, length in
                unsafe outgoing.append(bytes.unsafeMemory, to: (name, length))
            }
        }
    }

    private func didSend(
        _ messages: Int, of outgoing: OutgoingMessages, _ batch: inout SendingBatch<Message>
    ) {
        var count = 0
        for index in 0..<messages { count += outgoing.datagramCount(of: index) }
        var bytes = 0
        for index in batch.next..<batch.next + count { bytes += batch.datagrams[index].bytes.count }
        counts.sent += count
        counts.sentBytes += UInt64(bytes)
        sentThisTurn += count
        if batch.next < batch.singlesEnd, segmentLimit >= batch.suspectBytes {
            // Alone it went: so it was the cutting that failed.
            segmentLimit = batch.suspectBytes - 1
        }
        batch.next += count
    }

    /// Whether to go on now that the kernel refused the first message; its datagram has failed then, or is
    /// tried in another way.
    private func goesOn(
        after status: Int32, group: Int, _ batch: inout SendingBatch<Message>
    ) -> Bool {
        if group > 1, Self.concernsSegments(-status) {
            batch.singlesEnd = batch.next + group
            batch.suspectBytes = batch.datagrams[batch.next].bytes.count
            return true
        }
        switch refusal(of: status, isRepeated: batch.repeated == batch.next) {
        case .tryAgain:
            batch.repeated = batch.next
        case .waitForRoom:
            batch.attempts = batch.refused == batch.next ? batch.attempts + 1 : 1
            batch.refused = batch.next
            return false
        case .fail:
            let address = batch.datagrams[batch.next].remoteAddress
            batch.fail(with: sendError(-status, to: subject(to: address)))
        }
        return true
    }

    /// Whether an error may be that of several datagrams in one message, where each alone may pass: longer
    /// than the path's packets, too long together, a network card that cannot.
    private static func concernsSegments(_ number: Int32) -> Bool {
        [EINVAL, EMSGSIZE, EIO, ENOBUFS, ENOMEM].contains(number)
    }
}

/// How far the sending of several datagrams has come.
private struct SendingBatch<Message: DatagramMessage> {
    let datagrams: [Message]
    /// The first that was not dealt with.
    var next = 0
    var failures: [DatagramSendFailure] = []
    /// Those before this one go as messages of their own.
    var singlesEnd = 0
    /// The size of what the kernel would not cut.
    var suspectBytes = Int.max
    /// The one that is being tried for the second time.
    var repeated = -1
    /// The one there was no room for, and how often; 0 if it is only that others have their turn.
    var refused = -1
    var attempts = 0

    init(datagrams: [Message]) {
        self.datagrams = datagrams
    }

    mutating func fail(with error: IOError) {
        failures.append(DatagramSendFailure(index: next, error: error))
        next += 1
    }
}
