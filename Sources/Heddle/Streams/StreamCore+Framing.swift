/// Reads of a set shape, on top of reads of whatever comes.
extension StreamCore {
    /// Exactly `count` bytes in one piece. What came before a cancellation is put back.
    final func read(exactly count: Int) async throws -> Bytes {
        guard let first = try await read(upTo: count) else { throw endedEarly(0, of: count) }
        if first.count == count { return first }
        var pieces = [first]
        var left = count - first.count
        while left > 0 {
            do {
                guard let piece = try await read(upTo: left) else {
                    throw endedEarly(count - left, of: count)
                }
                pieces.append(piece)
                left -= piece.count
            } catch let error as CancellationError {
                putBack(pieces)
                throw error
            }
        }
        return Bytes(joining: pieces)
    }

    /// Makes taken bytes the next to be read again, and pauses reading if that makes too many.
    final func putBack(_ pieces: [Bytes]) {
        var queue = ByteQueue()
        for piece in pieces { queue.append(piece) }
        while !unread.isEmpty { queue.append(unread.removeFirst()) }
        unread = queue
        guard machine.mayReceive else { return }
        let limit = Int(unreadHighWater)
        if machine.received(unread: queue.byteCount, highWater: limit) == .pause { stopReading() }
    }

    private final func endedEarly(_ got: Int, of count: Int) -> IOError {
        IOError(
            .unexpectedEnd, "read from", on: subject,
            reason: "the input ended after \(got) of \(count) bytes")
    }
}
