/// How connections come to be: by connecting, or from a descriptor that is connected already.
extension TCPConnection {
    /// Connects to a host by name or address.
    ///
    /// A name's addresses race, as RFC 8305 ("happy eyeballs") has it: IPv6 and IPv4 in turn, in the
    /// resolver's order; the next one starts when one has failed, or when the last has had 250 ms. The first
    /// connection is taken, and the other attempts are given up.
    ///
    /// - Parameters:
    ///   - endpoint: where to, for example `"example.com:80"`. A literal that is no endpoint traps; make
    ///     one from text that comes from outside with ``Endpoint/init(_:)``.
    ///   - loop: the loop the connection will belong to.
    ///   - timeout: for everything together, looking up too.
    ///   - options: how the connection behaves.
    ///   - resolver: who finds the addresses of a name.
    /// - Throws: `CancellationError` when cancelled; ``IOError`` that names the address and why it failed,
    ///   with each attempt in ``IOError/causes`` if there were several; ``IOError/Code/timedOut``,
    ///   ``IOError/Code/unknownHost``, ``IOError/Code/invalidArgument`` for a timeout of zero or less.
    ///   No socket is left open then.
    public static func connect(
        to endpoint: Endpoint, on loop: EventLoop, timeout: Duration = .seconds(30),
        options: TCPOptions = TCPOptions(), resolver: any HostResolver = .system
    ) async throws -> TCPConnection {
        let connector = try TCPConnector(
            endpoint: endpoint, timeout: timeout, options: options, resolver: resolver)
        guard loop.isCurrent else {
            return try await loop.core.hop { try await connector.connect(on: loop.core) }
        }
        return try await connector.connect(on: loop.core)
    }

    /// Connects, runs `body` with the connection, and closes it however `body` ends.
    ///
    /// `body` runs on `loop`, and its reads and writes cost as little there as those of a server's connections:
    /// one cancellation handler is set for all of them. What it wrote is sent before this returns
    /// (``ByteStream/close()``); a cancelled task resets the connection instead.
    ///
    /// - Parameters: as in ``connect(to:on:timeout:options:resolver:)``.
    /// - Returns: what `body` returned.
    /// - Throws: as ``connect(to:on:timeout:options:resolver:)``; what `body` threw; as ``ByteStream/close()`` if that
    ///   found what was written lost.
    public static func withConnection<R: Sendable>(
        to endpoint: Endpoint, on loop: EventLoop, timeout: Duration = .seconds(30),
        options: TCPOptions = TCPOptions(), resolver: any HostResolver = .system,
        _ body: @Sendable @concurrent (TCPConnection) async throws -> R
    ) async throws -> R {
        let connector = try TCPConnector(
            endpoint: endpoint, timeout: timeout, options: options, resolver: resolver)
        return try await loop.core.hop {
            let connection = try await connector.connect(on: loop.core)
            return try await connection.closing { try await body(connection) }
        }
    }

    /// Connects to an address; as ``connect(to:on:timeout:options:resolver:)``.
    public static func connect(
        to address: SocketAddress, on loop: EventLoop, timeout: Duration = .seconds(30),
        options: TCPOptions = TCPOptions()
    ) async throws -> TCPConnection {
        let endpoint = try Endpoint(host: address.ip, port: Int(address.port))
        return try await connect(to: endpoint, on: loop, timeout: timeout, options: options)
    }

    /// Makes a connection of a connected stream socket that something else opened, which may be of any
    /// family. The connection owns the descriptor from here on and closes it, also when this fails.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` if the descriptor is not a connected stream socket, and then
    ///   it is left alone.
    public static func adopting(
        descriptor: Int32, on loop: EventLoop, options: TCPOptions = TCPOptions()
    ) async throws -> TCPConnection {
        try options.validate()
        try Socket(descriptor: descriptor).checkIsStreamSocket()
        return try await loop.core.hop {
            try loop.core.adopt(descriptor: descriptor, options: options)
        }
    }
}

extension LoopCore {
    fileprivate func adopt(descriptor: Int32, options: TCPOptions) throws -> TCPConnection {
        let socket = Socket(descriptor: descriptor)
        guard !isRefusingWork else {
            socket.close()
            throw stoppedError("adopt", on: "descriptor \(descriptor)")
        }
        let remote = socket.address(ofPeer: true)
        do {
            if remote != nil { try socket.apply(options) }
        } catch {
            socket.close()
            throw error
        }
        let stream = try TCPStream.adopting(
            socket, from: remote, on: self, settings: StreamSettings(limits: options.limits),
            operation: "adopt", subject: "descriptor \(descriptor)")
        return TCPConnection(stream: stream)
    }
}
