// Sendable: as its superclass; nothing is stored here.
/// A TCP connection: a ``ByteStream`` between two addresses.
public final class TCPConnection: ByteStream, @unchecked Sendable {
    init(stream: TCPStream) {
        super.init(core: stream)
    }

    // Unsafe: the initializer took no other kind.
    private var stream: TCPStream { unsafe unsafeDowncast(core, to: TCPStream.self) }

    /// The peer's address.
    public var remoteAddress: SocketAddress? { stream.remoteAddress }

    /// The address of this side; nil once the connection is closed.
    public var localAddress: SocketAddress? {
        get async {
            guard core.loop.isCurrent else {
                return try? await core.loop.hop { self.stream.localAddress }
            }
            return stream.localAddress
        }
    }
}
