/// A datagram socket of the Unix family: messages between processes of one machine, each whole and with its sender's
/// address, in order, and none lost: a sender waits while the receiver's queue is full. See unix(7).
///
/// A socket belongs to one loop for life. Its methods may be called from any task on any thread; on the
/// loop they run in place, from elsewhere they go to the loop and back. One task receives at a time, a
/// second one gets ``IOError/Code/busy``; any number may send.
///
/// A stop of the loop leaves sockets open until connections have drained; then whoever waits gets
/// ``IOError/Code/loopStopped``. Dropping the last reference closes the socket.
public final class UnixDatagramSocket: Sendable {
    let core: UnixDatagramCore

    init(core: UnixDatagramCore) {
        self.core = core
    }

    deinit {
        core.loop.drop(core)
    }

    /// Where the socket is bound; nil if it has no name.
    public var localAddress: UnixAddress? { core.local }

    /// Where the socket is connected to; nil if it is not, and takes datagrams from everybody, or if its peer has no
    /// name.
    public var remoteAddress: UnixAddress? { core.remote }

    /// The loop the socket belongs to; nil once that has ended.
    public var loop: EventLoop? {
        core.loop.eventLoop
    }

    /// What a socket has done so far.
    public typealias Statistics = DatagramStatistics

    /// What the socket has done so far, also after it was closed.
    public var statistics: Statistics {
        get async {
            // Hopping throws only what its body does, and that throws nothing.
            guard core.loop.isCurrent else {
                return (try? await core.loop.hop { self.core.counts }) ?? Statistics()
            }
            return core.counts
        }
    }

    /// Closes the socket and returns when its path is gone. What was received and not taken is gone, and its
    /// descriptors are closed. Again does nothing.
    public func close() async {
        guard core.loop.isCurrent else {
            // As above.
            _ = try? await core.loop.hop { await self.core.closeAndWait() }
            return
        }
        await core.closeAndWait()
    }
}

extension UnixDatagramSocket: CustomStringConvertible {
    /// `UnixDatagramSocket(` and the address it is connected to, else its own `)`.
    public var description: String { "UnixDatagramSocket(\(core.subject))" }
}
