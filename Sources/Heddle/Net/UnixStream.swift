/// The core of a Unix-domain connection: a stream that knows who its peer is.
// Sendable: as its superclass.
final class UnixStream: StreamCore, @unchecked Sendable {
    /// The other side's address; nil if it has none, as most clients have.
    let remoteAddress: UnixAddress?
    let peerCredentials: PeerCredentials
    /// Descriptors that came and nobody has taken.
    var unclaimed = UnclaimedDescriptors()

    private init(
        on loop: LoopCore, settings: StreamSettings, socket: Socket, isCounted: Bool
    ) throws(UVError) {
        remoteAddress = socket.unixAddress(ofPeer: true)
        peerCredentials =
            PeerCredentials(of: socket)
            ?? PeerCredentials(processID: 0, userID: .max, groupID: .max)
        // libuv's TCP handle is a stream over any connected socket; what it does for TCP alone nobody calls.
        try super.init(tcpOn: loop, settings: settings, isCounted: isCounted)
    }

    override var subject: String {
        remoteAddress?.description ?? settings.peer
    }

    override var receivesMessages: Bool { settings.maximumUnclaimedDescriptors > 0 }

    override func receiveMessages() {
        receiveWithDescriptors()
    }

    override func streamDidClose() {
        unclaimed.closeAll()
        super.streamDidClose()
    }

    /// The address of this side; nil if it has none, or is closed.
    var localAddress: UnixAddress? {
        phase == .open ? Socket(descriptor: descriptor).unixAddress(ofPeer: false) : nil
    }

    /// A stream of a connected socket, which it reads from now on; as `TCPStream.adopting`.
    static func adopting(
        _ socket: Socket, on loop: LoopCore, settings: StreamSettings, operation: String,
        subject: String, isCounted: Bool = false
    ) throws(IOError) -> UnixStream {
        try StreamCore.adopting(
            socket, on: loop, operation: operation, subject: subject, isCounted: isCounted
        ) { () throws(UVError) in
            try UnixStream(on: loop, settings: settings, socket: socket, isCounted: isCounted)
        }
    }
}
