/// A listening TCP socket on one loop, whose connections the program takes one by one. For a whole
/// server, which owns its connections and spreads them over loops, see
/// ``Runtime/listen(on:options:)-(SocketAddress,_)``.
///
/// Connections are accepted only while somebody waits for one; others wait in the kernel's backlog.
/// Each belongs to the listener's loop, and to whoever took it. Everything here may be used from any
/// thread; dropping the listener closes it.
public final class TCPListener: Sendable {
    /// Where it listens, with the real port if 0 was asked for.
    public let localAddress: SocketAddress
    private let queue: AcceptQueue

    private init(localAddress: SocketAddress, queue: AcceptQueue) {
        self.localAddress = localAddress
        self.queue = queue
    }

    deinit {
        let queue = queue
        queue.core.postUnlessEnded { queue.beginClose() }
    }

    /// Listens on `address`. Of the options, the balance and the number of connections are a server's.
    ///
    /// - Throws: ``IOError`` that names the address, as
    ///   ``Runtime/listen(on:options:)-(SocketAddress,_)`` does.
    public static func listen(
        on address: SocketAddress, loop: EventLoop, options: ListenOptions = ListenOptions()
    ) async throws -> TCPListener {
        try options.validate()
        let listening = try ListeningSockets(address, count: 1, options: options)
        let queue = AcceptQueue(
            core: loop.core, address: .internet(listening.address),
            settings: StreamSettings(limits: options.connection.limits))
        let socket = listening.sockets[0]
        try await loop.core.hop { try queue.listen(on: socket) }
        return TCPListener(localAddress: listening.address, queue: queue)
    }

    /// The next connection. Any number of tasks may wait.
    ///
    /// - Throws: `CancellationError` when the task is cancelled, and then no connection is lost;
    ///   ``IOError`` with ``IOError/Code/closed`` after ``close()``, ``IOError/Code/loopStopped``, or
    ///   ``IOError/Code/resourcesExhausted`` when descriptors or memory run out: once per episode, and
    ///   accepting goes on by itself when there are some again.
    public func accept() async throws -> TCPConnection {
        // Of the kind its address is of.
        unsafe unsafeDowncast(try await queue.next(), to: TCPConnection.self)
    }

    /// Stops listening and returns when the address is free again. Connections that were accepted and
    /// not taken are closed. Again does nothing.
    public func close() async {
        await queue.close()
    }

    /// The connections as they come; ends when the listener is closed.
    public var connections: Incoming<TCPConnection> { Incoming { try await self.accept() } }
}
