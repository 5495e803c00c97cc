internal import Glibc

/// Sending many datagrams: as few system calls and passes through the kernel as it allows, and an answer
/// for each datagram.
extension DatagramCore {
    /// Sends all; returns those that could not be sent.
    func send(_ datagrams: [Datagram]) async throws -> [UDPSocket.SendFailure] {
        guard phase == .open else { throw endedError("send to") }
        var batch = SendingBatch(datagrams: datagrams)
        while !sendMore(of: &batch) { try await waitForRoom() }
        return batch.failures
    }

    /// Sends until all are dealt with; false when the kernel has no room for more, or others their turn.
    private func sendMore(of batch: inout SendingBatch) -> Bool {
        let outgoing = memory.outgoing
        while batch.next < batch.datagrams.count {
            if sentThisTurn >= Self.sentPerTurn { return false }
            outgoing.removeAll()
            fill(outgoing, from: &batch)
            // The bytes are held by the batch.
            guard outgoing.messageCount > 0 else { continue }
            let status = outgoing.send(to: socket.descriptor)
            if status > 0 {
                didSend(Int(status), of: outgoing, &batch)
            } else if !goesOn(after: status, of: outgoing, &batch) {
                return false
            }
        }
        return true
    }

    /// Puts as many messages together as one call takes. A datagram that cannot be sent at all fails when
    /// its turn has come.
    private func fill(_ outgoing: OutgoingMessages, from batch: inout SendingBatch) {
        var index = batch.next
        while index < batch.datagrams.count, !outgoing.isFull {
            let datagram = batch.datagrams[index]
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

    private func join(_ bytes: Bytes, _ outgoing: OutgoingMessages) -> Bool {
        // The batch holds the bytes until they are sent.
        unsafe outgoing.join(bytes.unsafeMemory)
    }

    private func add(
        _ bytes: Bytes, to destination: SocketAddress?, _ outgoing: OutgoingMessages
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
        _ messages: Int, of outgoing: OutgoingMessages, _ batch: inout SendingBatch
    ) {
        var count = 0
        for index in 0..<messages { count += outgoing.datagramCount(of: index) }
        for index in batch.next..<batch.next + count {
            counts.sentBytes += UInt64(batch.datagrams[index].bytes.count)
        }
        counts.sent += count
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
        after status: Int32, of outgoing: OutgoingMessages, _ batch: inout SendingBatch
    ) -> Bool {
        let group = outgoing.datagramCount(of: 0)
        if group > 1, Self.concernsSegments(-status) {
            batch.singlesEnd = batch.next + group
            batch.suspectBytes = batch.datagrams[batch.next].bytes.count
            return true
        }
        switch refusal(of: status, isRepeated: batch.repeated == batch.next) {
        case .tryAgain:
            batch.repeated = batch.next
        case .waitForRoom:
            return false
        case .fail:
            let address = batch.datagrams[batch.next].remoteAddress
            batch.fail(with: sendError(status, to: address))
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
private struct SendingBatch {
    let datagrams: [Datagram]
    /// The first that was not dealt with.
    var next = 0
    var failures: [UDPSocket.SendFailure] = []
    /// Those before this one go as messages of their own.
    var singlesEnd = 0
    /// The size of what the kernel would not cut.
    var suspectBytes = Int.max
    /// The one that is being tried for the second time.
    var repeated = -1

    init(datagrams: [Datagram]) {
        self.datagrams = datagrams
    }

    mutating func fail(with error: IOError) {
        failures.append(UDPSocket.SendFailure(index: next, error: error))
        next += 1
    }
}
