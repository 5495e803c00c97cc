// Sendable: as its superclass; nothing is stored here.
/// A connection between two processes of one machine, over a Unix-domain socket: a ``ByteStream`` that knows who
/// is at the other end, and can carry file descriptors. See unix(7).
public final class UnixConnection: ByteStream, @unchecked Sendable {
    init(stream: UnixStream) {
        super.init(core: stream)
    }

    // Unsafe: the initializer took no other kind.
    var stream: UnixStream { unsafe unsafeDowncast(core, to: UnixStream.self) }

    /// The peer's address: that of the listener on a client's side; nil for a peer without a name, as clients
    /// mostly are.
    public var remoteAddress: UnixAddress? { stream.remoteAddress }

    /// Who was at the other end when the connection was made.
    public var peerCredentials: PeerCredentials { stream.peerCredentials }

    /// The address of this side; nil if it has none, or once the connection is closed.
    public var localAddress: UnixAddress? {
        get async {
            guard core.loop.isCurrent else {
                return try? await core.loop.hop { self.stream.localAddress }
            }
            return stream.localAddress
        }
    }
}
