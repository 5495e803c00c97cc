/// A listening Unix-domain socket on one loop, whose connections the program takes one by one. For a whole
/// server, which owns its connections and spreads them over loops, see
/// ``Runtime/listen(on:options:)-(UnixAddress,_)``.
///
/// Connections are accepted only while somebody waits for one; others wait in the kernel's backlog.
/// Each belongs to the listener's loop, and to whoever took it. Everything here may be used from any
/// thread; dropping the listener closes it.
public final class UnixListener: Sendable {
    /// Where it listens.
    public let localAddress: UnixAddress
    private let queue: AcceptQueue

    private init(localAddress: UnixAddress, queue: AcceptQueue) {
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
    ///   ``Runtime/listen(on:options:)-(UnixAddress,_)`` does.
    public static func listen(
        on address: UnixAddress, loop: EventLoop, options: UnixListenOptions = UnixListenOptions()
    ) async throws -> UnixListener {
        try options.validate()
        let socket = try ListeningSocket.listening(on: address, options: options)
        let queue = AcceptQueue(
            core: loop.core, address: .unix(address), settings: options.settings(of: address))
        try await loop.core.hop { try queue.listen(on: socket) }
        return UnixListener(localAddress: address, queue: queue)
    }

    /// The next connection. Any number of tasks may wait.
    ///
    /// - Throws: as ``TCPListener/accept()``.
    public func accept() async throws -> UnixConnection {
        guard queue.core.isCurrent else {
            return try await queue.core.hop { try await self.next() }
        }
        return try await next()
    }

    private func next() async throws -> UnixConnection {
        // Of the kind its address is of.
        unsafe unsafeDowncast(try await queue.next(), to: UnixConnection.self)
    }

    /// Stops listening, and returns when the path is gone. Connections that were accepted and not taken are
    /// closed. Again does nothing.
    public func close() async {
        await queue.close()
    }

    /// The connections as they come; ends when the listener is closed.
    public var connections: Incoming<UnixConnection> { Incoming { try await self.accept() } }
}
