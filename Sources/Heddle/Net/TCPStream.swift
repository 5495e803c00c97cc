/// The core of a TCP connection: a stream that knows its peer.
// Sendable: as its superclass.
final class TCPStream: StreamCore, @unchecked Sendable {
    /// The other side's address; nil for an adopted descriptor of another family.
    let remoteAddress: SocketAddress?

    init(on loop: LoopCore, settings: StreamSettings, remote: SocketAddress?) throws(UVError) {
        remoteAddress = remote
        try super.init(tcpOn: loop, settings: settings)
    }

    override var subject: String {
        remoteAddress?.description ?? "a stream"
    }

    /// The address of this side; nil once closed.
    var localAddress: SocketAddress? {
        phase == .open ? Socket(descriptor: descriptor).address(ofPeer: false) : nil
    }
}
