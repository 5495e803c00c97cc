/// A TCP server over the loops of a runtime: it listens, and serves the connections it accepts, each on
/// one loop, in a scope that owns them.
///
/// Made by ``Runtime/listen(on:options:)-(SocketAddress,_)``; clients wait in the backlog until one of the `serve` methods
/// is called, once. Stopping the runtime drains the server: it stops listening, lets handlers end until
/// the grace has passed, cancels the others, then closes what is left. Everything here may be used from
/// any thread.
public final class TCPServer: Sendable {
    /// Serves one connection; when it returns, what was written is sent and the connection closed. An
    /// error it throws ends that connection only.
    public typealias Handler = @Sendable @concurrent (TCPConnection) async throws -> Void
    /// Makes the handler of one connection, on its loop.
    public typealias HandlerFactory = @Sendable () -> any StreamHandler
    /// Told of an error of one connection, whose peer is given, or of accepting. Called on a loop: it
    /// must not block.
    public typealias ErrorHook = @Sendable (any Error, SocketAddress?) -> Void

    /// What a server has done so far.
    public typealias Statistics = ServerStatistics

    /// Where the server listens, with the real port if 0 was asked for.
    public let localAddress: SocketAddress
    private let server: StreamServer

    /// What the server has done so far.
    public var statistics: Statistics { server.statistics }

    /// Opens the listening sockets and puts them on their loops.
    init(on address: SocketAddress, loops: [EventLoop], options: ListenOptions) async throws {
        try options.validate()
        let placement = Placement(options.balance)
        let count = placement.listenerCount(loops: loops.count)
        let listening = try ListeningSockets(address, count: count, options: options)
        localAddress = listening.address
        server = try await StreamServer(
            on: .internet(listening.address), listening.sockets, loops: loops,
            placement: placement, maximumConnections: options.maximumConnectionsPerLoop,
            settings: StreamSettings(limits: options.connection.limits))
    }

    deinit {
        server.beginDrain()
    }

    /// Serves connections with one task each, until the server is stopped or the calling task cancelled.
    ///
    /// - Parameters:
    ///   - onError: told what handlers throw, what connections lose, and when accepting is in trouble.
    ///   - handler: serves one connection, on its loop.
    /// - Throws: ``IOError`` if listening broke, after all connections have ended;
    ///   ``IOError/Code/busy`` if the server is served already, ``IOError/Code/closed`` if it was. Not when it is cancelled: then it cancels
    ///   its connections and returns when they have ended.
    public func serve(
        onError: ErrorHook? = nil, _ handler: @escaping Handler
    ) async throws {
        try await server.serve(.tcp(handler), onError: Self.hook(onError))
    }

    /// Serves connections with a handler object each; otherwise as ``serve(onError:_:)``.
    ///
    /// - Parameters:
    ///   - onError: told what handlers throw, what connections lose, and when accepting is in trouble.
    ///   - makeHandler: makes one connection's handler, on its loop.
    public func serve(
        onError: ErrorHook? = nil, handler makeHandler: @escaping HandlerFactory
    ) async throws {
        try await server.serve(.handlers(makeHandler), onError: Self.hook(onError))
    }

    private static func hook(_ onError: ErrorHook?) -> ServerReports.Hook? {
        guard let onError else { return nil }
        return { error, peer in onError(error, peer?.address) }
    }

    /// Stops listening, lets the connections end until `grace` has passed, and cancels the others.
    /// Returns when all have ended.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` for a negative grace.
    public func stop(within grace: Duration = Worker.defaultGrace) async throws {
        try await server.stop(within: grace)
    }
}
