/// The core of a TCP connection: a stream that knows its peer.
// Sendable: as its superclass.
final class TCPStream: StreamCore, @unchecked Sendable {
    /// The other side's address; nil for an adopted descriptor of another family.
    let remoteAddress: SocketAddress?

    init(
        on loop: LoopCore, settings: StreamSettings, remote: SocketAddress?, isCounted: Bool = false
    ) throws(UVError) {
        remoteAddress = remote
        try super.init(tcpOn: loop, settings: settings, isCounted: isCounted)
    }

    override var subject: String {
        remoteAddress?.description ?? "a stream"
    }

    /// The address of this side; nil once closed.
    var localAddress: SocketAddress? {
        phase == .open ? Socket(descriptor: descriptor).address(ofPeer: false) : nil
    }

    /// A stream of a connected socket, which it reads from now on. The socket is closed if this throws.
    ///
    /// - Parameters:
    ///   - operation: what was tried, for the error: `accept on`.
    ///   - subject: what it was tried on.
    ///   - isCounted: whether the loop counts this connection already; if this throws it does no more.
    static func adopting(
        _ socket: Socket, from peer: SocketAddress?, on loop: LoopCore, settings: StreamSettings,
        operation: String, subject: String, isCounted: Bool = false
    ) throws(IOError) -> TCPStream {
        try StreamCore.adopting(
            socket, on: loop, operation: operation, subject: subject, isCounted: isCounted
        ) { () throws(UVError) in
            try TCPStream(on: loop, settings: settings, remote: peer, isCounted: isCounted)
        }
    }
}

extension StreamCore {
    /// A stream that `make` makes, of a connected socket, which it reads from now on. If this throws, the socket is
    /// closed and the loop counts the connection no more.
    static func adopting<Stream: StreamCore>(
        _ socket: Socket, on loop: LoopCore, operation: String, subject: String, isCounted: Bool,
        _ make: () throws(UVError) -> Stream
    ) throws(IOError) -> Stream {
        let stream: Stream
        do {
            stream = try make()
        } catch {
            socket.close()
            if isCounted { loop.connectionEnded() }
            throw IOError(nil, operation, on: subject, error)
        }
        try stream.takeOver(socket, operation, on: subject)
        return stream
    }

    /// Takes over a connected socket and begins to read. If this throws, the socket is closed, and the stream
    /// too.
    final func takeOver(
        _ socket: Socket, _ operation: String, on subject: String
    ) throws(IOError) {
        do {
            try adopt(descriptor: socket.descriptor)
        } catch {
            // A descriptor that was not taken over is still the caller's.
            if descriptor != socket.descriptor { socket.close() }
            close()
            throw IOError(nil, operation, on: subject, error)
        }
    }
}
