internal import Glibc

/// The inside of a UDP socket. Used on the loop's thread.
// Exclusivity: the methods of `unread` call nothing that could reach it.
// Sendable: references cross threads, but every use is on the loop's thread.
final class UDPCore: DatagramCore, DatagramCarrier, @unchecked Sendable {
    /// Errors taken off the socket in one go; the kernel bounds them by the receive buffer.
    private static let errorsPerTurn = 64

    let local: SocketAddress
    /// Where the socket is connected to.
    let remote: SocketAddress?
    let options: UDPOptions
    @safe @exclusivity(unchecked) var unread = DatagramQueue<Datagram>()

    /// Takes over a bound socket; on failure it stays the caller's.
    init(
        socket: Socket, local: SocketAddress, remote: SocketAddress?, options: UDPOptions,
        on loop: LoopCore
    ) throws(UVError) {
        self.local = local
        self.remote = remote
        self.options = options
        let canSegment = options.usesSegmentation && LinuxCalls.canSegment(socket.descriptor)
        try super.init(
            socket: socket, maximumDatagramBytes: options.maximumDatagramBytes,
            segmentLimit: canSegment ? UDPOptions.longestDatagramBytes : 0, on: loop)
    }

    override var subject: String { "\(remote ?? local)" }

    var isConnected: Bool { remote != nil }

    // MARK: Receiving

    override func becameReady(_ ready: Interest) {
        sentThisTurn = 0
        if ready.contains(.readable) { takeIn() }
        if ready.contains(.writable) { wakeWriters() }
        watchWhatIsWanted()
    }

    var controlBytes: Int { 0 }

    var room: Int {
        unread.byteCount < options.receiveQueueBytes ? ReceivedMessages.capacity : 0
    }

    var hasMuchRoom: Bool { unread.byteCount <= options.receiveQueueBytes / 2 }

    @inline(__always)
    func takeMessage(_ index: Int, of messages: ReceivedMessages) -> Datagram {
        let isTruncated = messages.isTruncated(index)
        // The memory is used again for the next batch: the bytes are copied, and the name is read here.
        let (bytes, address) = unsafe (
            loop.pool.copy(RawSpan(_unsafeBytes: messages.bytes(index))),
            SocketAddress(sockaddr: messages.takeName(index))
        )
        return Datagram(bytes, from: address, isTruncated: isTruncated)
    }

    override func discardUnread() {
        _ = unread.removeAll()
    }

    // MARK: Sending

    func waitForRoom(to address: SocketAddress?, attempt: Int) async throws {
        try await waitForRoom()
    }

    override func refusal(of status: Int32, isRepeated: Bool) -> Refusal {
        switch -status {
        case EINTR:
            return .tryAgain
        case EAGAIN:
            return .waitForRoom
        default:
            // On a socket that is not connected it may be about an earlier datagram, which is for
            // whoever receives.
            guard remote == nil else {
                // This one is told: forget what the queue says of the same.
                noteErrors()
                pendingErrors = []
                return .fail
            }
            return options.reportsUnreachable && !isRepeated && noteErrors() > 0 ? .tryAgain : .fail
        }
    }

    // MARK: Errors and counters

    @discardableResult
    override func noteErrors() -> Int {
        guard phase == .open else { return 0 }
        var found = 0
        var destination = Socket.emptyStorage
        // All errors of a connected socket tell the same.
        let limit = remote == nil ? Self.maximumPendingErrors : 1
        while found < Self.errorsPerTurn,
            let number = LinuxCalls.nextError(of: socket.descriptor, &destination)
        {
            found += 1
            guard number != 0 else { continue }
            let address = remote ?? SocketAddress(destination)
            note(IOError(errno: number, "send to", on: address.map { "\($0)" }), limit: limit)
        }
        // What is left is an error without an entry in the queue; asking takes it off.
        let left = socket.takeError()
        if left != 0, found == 0 {
            found += 1
            note(IOError(errno: left, "use", on: subject), limit: limit)
        }
        return found
    }

    override func didClose() {
        counts.dropped = socket.droppedDatagrams
        super.didClose()
    }

    var statistics: DatagramStatistics {
        if phase == .open { counts.dropped = socket.droppedDatagrams }
        return counts
    }
}
