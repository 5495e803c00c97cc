/// A UDP socket: datagrams in both directions, each with its address, over one loop.
///
/// A socket belongs to one loop for life. Its methods may be called from any task on any thread; on the
/// loop they run in place, from elsewhere they go to the loop and back. One task receives at a time, a
/// second one gets ``IOError/Code/busy``; any number may send.
///
/// A stop of the loop leaves sockets open until connections have drained; then whoever waits gets
/// ``IOError/Code/loopStopped``. For a server that ends with its runtime see ``UDPServer``. Dropping the last
/// reference closes the socket.
public final class UDPSocket: Sendable {
    let core: UDPCore

    init(core: UDPCore) {
        self.core = core
    }

    deinit {
        core.loop.drop(core)
    }

    /// Where the socket is bound, with the real port if 0 was asked for.
    public var localAddress: SocketAddress { core.local }

    /// Where the socket is connected to; nil if it is not, and takes datagrams from everywhere.
    public var remoteAddress: SocketAddress? { core.remote }

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
                return (try? await core.loop.hop { self.core.statistics }) ?? Statistics()
            }
            return core.statistics
        }
    }

    /// Closes the socket and returns when its address is free again. What was received and not taken is
    /// gone. Again does nothing.
    public func close() async {
        guard core.loop.isCurrent else {
            // As above.
            _ = try? await core.loop.hop { await self.core.closeAndWait() }
            return
        }
        await core.closeAndWait()
    }
}

extension UDPSocket: CustomStringConvertible {
    /// `UDPSocket(` and the address it is connected to, else its own `)`.
    public var description: String { "UDPSocket(\(core.subject))" }
}
