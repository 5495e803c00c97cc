/// A UDP server over the loops of a runtime: a socket for each loop, all bound to one address, among which
/// the kernel spreads senders (SO_REUSEPORT).
///
/// Made by ``Runtime/bindUDP(to:options:)-(SocketAddress,_)``; datagrams wait in the kernel's buffers until
/// ``serve(_:)`` is called, once. Stopping the runtime stops the server: nothing more is received, the handlers
/// may answer what has come until the grace has passed, then they are cancelled. Everything here may be used
/// from any thread.
public final class UDPServer: Sendable {
    /// Serves the socket of one loop, on that loop, until it has no more datagrams; then the socket closes.
    public typealias Handler = @Sendable @concurrent (UDPSocket) async throws -> Void

    /// Where the server is bound, with the real port if 0 was asked for.
    public let localAddress: SocketAddress
    private let scope: ServerScope<UDPShare>

    /// Binds the sockets and has them take part in the stop of their loops.
    init(to address: SocketAddress, loops: [EventLoop], options: UDPOptions) async throws {
        let sockets = try await UDPSocket.bind(to: address, sharedBy: loops, options: options)
        let shares = sockets.map { UDPShare(socket: $0) }
        localAddress = sockets[0].localAddress
        scope = ServerScope(shares)
        for share in shares { try await share.core.hop { share.core.addMember(share) } }
    }

    deinit {
        scope.beginDrain()
    }

    /// Serves each loop's socket with a task on that loop, until the server is stopped, the handlers return or
    /// the calling task is cancelled.
    ///
    /// - Throws: what the first handler threw, after the others were cancelled and all have ended, but not
    ///   their cancellation, nor that the loop stopped; ``IOError/Code/busy`` if the server is served already.
    public func serve(_ handler: @escaping Handler) async throws {
        try await scope.serve { share in try await share.serve(handler) }
    }

    /// Receives nothing more, lets the handlers end until `grace` has passed, and cancels the others.
    /// Returns when all have ended and the address is free.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` for a negative grace.
    public func stop(within grace: Duration = Worker.defaultGrace) async throws {
        try await scope.stop(within: grace, "\(localAddress)")
    }

    /// What the sockets have done so far, together; also after the end.
    public var statistics: UDPSocket.Statistics {
        get async {
            var total = UDPSocket.Statistics()
            for share in scope.shares { total.add(await share.socket.statistics) }
            return total
        }
    }
}

extension Runtime {
    /// Binds a UDP socket for each loop to one address. Datagrams wait until the server is served.
    ///
    /// - Throws: as ``UDPSocket/bind(to:sharedBy:options:)``.
    public func bindUDP(
        to address: SocketAddress, options: UDPOptions = UDPOptions()
    ) async throws -> UDPServer {
        try await UDPServer(to: address, loops: loops, options: options)
    }

    /// Binds to a host's first address; as ``bindUDP(to:options:)-(SocketAddress,_)``.
    public func bindUDP(
        to endpoint: Endpoint, options: UDPOptions = UDPOptions()
    ) async throws -> UDPServer {
        let address = try await UDPSocket.lookUp(
            endpoint, "bind to", on: nextLoop, within: .seconds(30))[0]
        return try await bindUDP(to: address, options: options)
    }
}
