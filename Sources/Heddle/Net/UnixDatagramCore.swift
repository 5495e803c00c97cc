internal import Glibc
internal import SystemPackage

/// The inside of a datagram socket of the Unix family. Used on the loop's thread.
// Exclusivity: the methods of `unread` call nothing that could reach it.
// Sendable: references cross threads, but every use is on the loop's thread.
final class UnixDatagramCore: DatagramCore, DatagramCarrier, @unchecked Sendable {
    let local: UnixAddress?
    let remote: UnixAddress?
    /// Whether it sends to one peer alone, which may have no name.
    let isConnected: Bool
    let options: UnixDatagramOptions
    let controlBytes: Int
    private let path: BoundPath?
    @safe @exclusivity(unchecked) var unread = DatagramQueue<UnixDatagram>()
    /// Senders that wait for their receiver's room; ended by a close.
    var blocked: [Waiter] = []
    var probes: [ReceiverProbe] = []

    /// Takes over a socket and its path; on failure they stay the caller's.
    init(
        socket: Socket, path: BoundPath?, remote: UnixAddress?, isConnected: Bool,
        options: UnixDatagramOptions, on loop: LoopCore
    ) throws(UVError) {
        self.path = path
        self.remote = remote
        self.isConnected = isConnected
        self.options = options
        local = socket.unixAddress(ofPeer: false)
        controlBytes =
            options.maximumUnclaimedDescriptors > 0
            ? ControlData.mostBytes
            : options.receivesCredentials ? ControlData.credentialBytes : 0
        try super.init(
            socket: socket, maximumDatagramBytes: options.maximumDatagramBytes, on: loop)
    }

    override var subject: String {
        (remote ?? local)?.description
            ?? (isConnected ? "a socket pair" : "a Unix-domain socket without a name")
    }

    // MARK: Receiving

    override func becameReady(_ ready: Interest) {
        sentThisTurn = 0
        if ready.contains(.readable) { takeInBatch() }
        if ready.contains(.writable) { wakeWriters() }
        watchWhatIsWanted()
    }

    /// One batch, in as many calls as the bound on descriptors makes of it.
    private func takeInBatch() {
        var left = ReceivedMessages.capacity
        repeat {
            let most = room
            let count = takeIn()
            left -= count
            if count < most || most == ReceivedMessages.capacity { return }
        } while left > 0 && room > 0
    }

    var room: Int {
        guard unread.byteCount < options.receiveQueueBytes else { return 0 }
        guard options.maximumUnclaimedDescriptors > 0 else { return ReceivedMessages.capacity }
        // As many messages as reach the bound if each has as many as it may.
        let left = options.maximumUnclaimedDescriptors - unread.descriptorCount
        let most = UnixDatagram.maximumDescriptors
        return left > 0 ? min(ReceivedMessages.capacity, (left + most - 1) / most) : 0
    }

    var hasMuchRoom: Bool {
        unread.byteCount <= options.receiveQueueBytes / 2
            && unread.descriptorCount <= options.maximumUnclaimedDescriptors / 2
    }

    func takeMessage(_ index: Int, of messages: ReceivedMessages) -> UnixDatagram {
        // The memory is used again for the next batch: the bytes are copied, and the name is read here.
        var datagram = unsafe UnixDatagram(
            loop.pool.copy(RawSpan(_unsafeBytes: messages.bytes(index))),
            to: UnixAddress(sockaddr: messages.takeName(index)))
        datagram.isTruncated = messages.isTruncated(index)
        datagram.areDescriptorsLost = messages.areDescriptorsLost(index)
        if controlBytes > 0 { take(messages.takeControl(index), into: &datagram) }
        return datagram
    }

    private func take(_ control: ControlData, into datagram: inout UnixDatagram) {
        if options.receivesCredentials, let found = control.credentials {
            datagram.credentials = PeerCredentials(
                processID: found.process, userID: found.user, groupID: found.group)
        }
        datagram.descriptors = control.descriptors.map { .init(rawValue: $0) }
        if datagram.areDescriptorsLost {
            // Of what is not whole nothing is kept.
            datagram.discard()
            datagram.descriptors = []
        }
    }

    override func discardUnread() {
        for datagram in unread.removeAll() { datagram.discard() }
    }

    // MARK: Errors

    override func refusal(of status: Int32, isRepeated: Bool) -> Refusal {
        switch -status {
        case EINTR: .tryAgain
        case EAGAIN: .waitForRoom
        // A peer has broken off, which says nothing of this datagram.
        case ECONNRESET where !isRepeated: .tryAgain
        default: .fail
        }
    }

    override func sendError(_ number: Int32, to subject: String) -> IOError {
        func because(_ code: IOError.Code, _ reason: String) -> IOError {
            IOError(code, "send to", on: subject, reason: reason)
        }
        switch number {
        case EPIPE, ENOTCONN:
            // The kernel says ECONNREFUSED once and then that, or that the receiver has shut its input down.
            return because(.connectionRefused, "nobody receives there any more")
        case EBADF:
            return because(.invalidArgument, "one of the descriptors is not open")
        case E2BIG:
            return because(
                .invalidArgument,
                "more than \(UnixDatagram.maximumDescriptors) descriptors in one datagram")
        case ETOOMANYREFS:
            return because(
                .resourcesExhausted, "too many descriptors are under way and were not received yet")
        default:
            return super.sendError(number, to: subject)
        }
    }

    @discardableResult
    override func noteErrors() -> Int {
        guard phase == .open else { return 0 }
        let number = socket.takeError()
        guard number != 0 else { return 0 }
        note(IOError(errno: number, "receive from", on: subject))
        return 1
    }

    // MARK: Ends

    override func beginClose() {
        guard phase == .open else { return }
        super.beginClose()
        for waiter in blocked { waiter.wake(on: loop.queues) }
        for probe in probes { probe.close() }
        probes = []
    }

    override func didClose() {
        // Before the socket: while that is open nothing else can get its inode's number.
        path?.remove()
        super.didClose()
    }
}
