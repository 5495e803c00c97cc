internal import Glibc

/// A socket of its own that tells when the queue of one receiver has room. Owned by the datagram socket whose
/// senders wait for that; used on the loop's thread.
///
/// The kernel says of a datagram socket that is not connected that it can be written for as long as its own buffer
/// has room: waiting for that would spin while the receiver's queue is full. Of a connected one it also looks at the
/// receiver's queue. So this one is connected, and never sends.
// Sendable: references cross threads, but every use is on the loop's thread.
final class ReceiverProbe: UVReadiness, @unchecked Sendable {
    /// What came of asking to be told.
    enum Answer {
        case watching
        /// Nobody has the address: sending tells.
        case isGone
        /// The receiver cannot be watched, for example since it is connected itself.
        case cannot
    }

    let address: UnixAddress
    private let loop: LoopCore
    private let socket: Socket
    /// The longest first.
    private var waiting: [Waiter] = []

    private init(_ socket: Socket, _ address: UnixAddress, on loop: LoopCore) throws(UVError) {
        self.socket = socket
        self.address = address
        self.loop = loop
        try super.init(loop: loop.uv, descriptor: socket.descriptor)
    }

    /// A probe of `address`; nil if the system has no descriptor for it.
    static func of(_ address: UnixAddress, on loop: LoopCore) -> ReceiverProbe? {
        guard let socket = try? Socket.unix(SOCK_DGRAM, for: "watch", on: "a socket") else {
            return nil
        }
        guard let probe = try? ReceiverProbe(socket, address, on: loop) else {
            socket.close()
            return nil
        }
        return probe
    }

    var isIdle: Bool { waiting.isEmpty }

    /// Has `waiter` woken when the receiver has room, once it is its turn.
    func add(_ waiter: Waiter) -> Answer {
        // Each time anew: another socket may have the address by now.
        switch socket.connect(to: address) {
        case 0: break
        case ECONNREFUSED, ENOENT: return .isGone
        default: return .cannot
        }
        guard phase == .open, (try? watch(.writable)) != nil else { return .cannot }
        waiting.append(waiter)
        return .watching
    }

    func remove(_ waiter: Waiter) {
        waiting.removeAll { $0 === waiter }
        rest()
    }

    private func rest() {
        guard phase == .open, waiting.isEmpty else { return }
        // Stopping cannot fail.
        try? watch([])
    }

    /// One at a time: all at once would run at the room for one. As long as there is room this comes again.
    override func becameReady(_ ready: Interest) {
        if !waiting.isEmpty { waiting.removeFirst().wake(on: loop.queues) }
        rest()
    }

    override func hasError() {
        for waiter in waiting { waiter.wake(on: loop.queues) }
        waiting = []
    }

    override func didClose() {
        socket.close()
    }
}
