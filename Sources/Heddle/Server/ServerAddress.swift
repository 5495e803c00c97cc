/// Where a server listens; it tells which kind of connections it has.
enum ServerAddress: Sendable, CustomStringConvertible {
    case internet(SocketAddress)
    case unix(UnixAddress)

    var description: String {
        switch self {
        case .internet(let address): "\(address)"
        case .unix(let address): "\(address)"
        }
    }

    /// A stream of an accepted socket, which is closed if this throws.
    func stream(
        of socket: Socket, from peer: SocketAddress?, on core: LoopCore, settings: StreamSettings,
        isCounted: Bool = false
    ) throws(IOError) -> StreamCore {
        switch self {
        case .internet:
            try TCPStream.adopting(
                socket, from: peer, on: core, settings: settings, operation: "accept on",
                subject: "\(self)", isCounted: isCounted)
        case .unix:
            try UnixStream.adopting(
                socket, on: core, settings: settings, operation: "accept on", subject: "\(self)",
                isCounted: isCounted)
        }
    }

    /// The public face of a stream that was accepted here.
    func connection(of stream: StreamCore) -> ByteStream {
        switch self {
        // Made as this kind, above.
        case .internet: TCPConnection(stream: unsafe unsafeDowncast(stream, to: TCPStream.self))
        case .unix: UnixConnection(stream: unsafe unsafeDowncast(stream, to: UnixStream.self))
        }
    }
}

/// Who is at the other end of an accepted connection, for reports of errors.
enum ServedPeer: Sendable {
    case internet(SocketAddress)
    case unix(PeerCredentials)

    init?(of stream: StreamCore) {
        switch stream {
        case let stream as TCPStream:
            guard let address = stream.remoteAddress else { return nil }
            self = .internet(address)
        case let stream as UnixStream:
            self = .unix(stream.peerCredentials)
        default:
            return nil
        }
    }

    var address: SocketAddress? {
        if case .internet(let address) = self { address } else { nil }
    }

    var credentials: PeerCredentials? {
        if case .unix(let credentials) = self { credentials } else { nil }
    }
}
