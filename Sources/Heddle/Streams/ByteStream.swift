// Sendable: the core is used on the loop's thread only; a subclass stores nothing.
/// A stream of bytes in both directions, with back-pressure: what TCP connections, Unix-domain connections and
/// pipes have in common.
///
/// A stream belongs to one loop for life. Its methods may be called from any task on any thread; on
/// the loop (in a server's handler, or in a task started by ``EventLoop/task(name:priority:_:)``) they run in
/// place, from elsewhere they go to the loop and back. One task reads at a time, a second one gets
/// ``IOError/Code/busy``; any number may write, and each write stays in one piece.
///
/// Dropping the last reference closes the stream, after what was written has been sent. Errors that
/// nobody waits for are then lost: call ``close()`` to hear of them.
///
/// Its subclasses are the kinds of stream there are; each adds how it comes to be and whom it reaches.
public class ByteStream: @unchecked Sendable {
    final let core: StreamCore

    init(core: StreamCore) {
        self.core = core
    }

    deinit {
        core.loop.drop(core)
    }

    /// The loop the stream belongs to; nil once that has ended.
    public final var loop: EventLoop? {
        core.loop.eventLoop
    }
}

extension ByteStream: CustomStringConvertible {
    /// The kind of stream and the other side: `TCPConnection(127.0.0.1:7000)`.
    public final var description: String {
        "\(Self.self)(\(core.subject))"
    }
}
