/// A TCP connection: bytes in both directions, with back-pressure.
///
/// A connection belongs to one loop for life. Its methods may be called from any task on any thread; on
/// the loop (in a server's handler, or in a task started by ``EventLoop/task(name:priority:_:)``) they run in
/// place, from elsewhere they go to the loop and back. One task reads at a time, a second one gets
/// ``IOError/Code/busy``; any number may write, and each write stays in one piece.
///
/// Dropping the last reference closes the connection, after what was written has been sent. Errors that
/// nobody waits for are then lost: call ``close()`` to hear of them.
public final class TCPConnection: Sendable {
    let stream: TCPStream

    init(stream: TCPStream) {
        self.stream = stream
    }

    deinit {
        stream.loop.drop(stream)
    }

    /// The peer's address.
    public var remoteAddress: SocketAddress? { stream.remoteAddress }

    /// The address of this side; nil once the connection is closed.
    public var localAddress: SocketAddress? {
        get async {
            guard stream.loop.isCurrent else {
                return try? await stream.loop.hop { self.stream.localAddress }
            }
            return stream.localAddress
        }
    }

    /// The loop the connection belongs to; nil once that has ended.
    public var loop: EventLoop? {
        stream.loop.eventLoop
    }
}

extension TCPConnection: CustomStringConvertible {
    /// `TCPConnection(` and the peer's address `)`.
    public var description: String {
        "TCPConnection(\(stream.subject))"
    }
}
