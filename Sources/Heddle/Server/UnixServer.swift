/// A server on a Unix-domain socket over the loops of a runtime: one loop accepts, and each connection is served
/// on one loop, in a scope that owns them all.
///
/// Made by ``Runtime/listen(on:options:)-(UnixAddress,_)``; clients wait in the backlog until one of the `serve`
/// methods is called, once. The path is removed when the server stops listening, unless something else has it
/// by then. Stopping the runtime drains the server: it stops listening, lets handlers end until the grace has
/// passed, cancels the others, then closes what is left. Everything here may be used from any thread.
public final class UnixServer: Sendable {
    /// Serves one connection; when it returns, what was written is sent and the connection closed. An
    /// error it throws ends that connection only.
    public typealias Handler = @Sendable @concurrent (UnixConnection) async throws -> Void
    /// Makes the handler of one connection, on its loop.
    public typealias HandlerFactory = @Sendable () -> any StreamHandler
    /// Told of an error of one connection, whose peer is given, or of accepting. Called on a loop: it
    /// must not block.
    public typealias ErrorHook = @Sendable (any Error, PeerCredentials?) -> Void

    /// Where the server listens.
    public let localAddress: UnixAddress
    private let server: StreamServer

    /// What the server has done so far.
    public var statistics: ServerStatistics { server.statistics }

    /// Opens the listening socket and puts it on a loop.
    init(on address: UnixAddress, loops: [EventLoop], options: UnixListenOptions) async throws {
        try options.validate()
        let placement = Placement(
            options.balance == .roundRobin ? .roundRobin : .leastConnections)
        let socket = try ListeningSocket.listening(on: address, options: options)
        localAddress = address
        server = try await StreamServer(
            on: .unix(address), [socket], loops: loops, placement: placement,
            maximumConnections: options.maximumConnectionsPerLoop,
            settings: options.settings(of: address))
    }

    deinit {
        server.beginDrain()
    }

    /// Serves connections with one task each, until the server is stopped or the calling task cancelled.
    ///
    /// - Parameters:
    ///   - onError: told what handlers throw, what connections lose, and when accepting is in trouble.
    ///   - handler: serves one connection, on its loop.
    /// - Throws: as ``TCPServer/serve(onError:_:)``.
    public func serve(
        onError: ErrorHook? = nil, _ handler: @escaping Handler
    ) async throws {
        try await server.serve(.unix(handler), onError: Self.hook(onError))
    }

    /// Serves connections with a handler object each; otherwise as ``serve(onError:_:)``. A handler gets no file
    /// descriptors: those that come are closed.
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
        return { error, peer in onError(error, peer?.credentials) }
    }

    /// Stops listening, lets the connections end until `grace` has passed, and cancels the others.
    /// Returns when all have ended and the path is gone.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` for a negative grace.
    public func stop(within grace: Duration = Worker.defaultGrace) async throws {
        try await server.stop(within: grace)
    }
}

extension Runtime {
    /// Listens on a path or an abstract name, over all loops. Clients wait until the server is served.
    ///
    /// - Throws: ``IOError`` that names the address: ``IOError/Code/addressInUse`` if somebody listens there,
    ///   ``IOError/Code/wrongFileType`` if something else than a socket has the path, which is left alone,
    ///   ``IOError/Code/notFound`` if its folder does not exist, ``IOError/Code/permissionDenied``;
    ///   ``IOError/Code/invalidArgument`` for options out of bounds; ``IOError/Code/loopStopped``.
    public func listen(
        on address: UnixAddress, options: UnixListenOptions = UnixListenOptions()
    ) async throws -> UnixServer {
        try await UnixServer(on: address, loops: loops, options: options)
    }

    /// Listens and serves connections with one task each, until the runtime stops or the calling task is
    /// cancelled.
    public func serve(
        _ address: UnixAddress, options: UnixListenOptions = UnixListenOptions(),
        onError: UnixServer.ErrorHook? = nil, _ handler: @escaping UnixServer.Handler
    ) async throws {
        try await listen(on: address, options: options).serve(onError: onError, handler)
    }

    /// Listens and serves connections with a handler object each.
    public func serve(
        _ address: UnixAddress, options: UnixListenOptions = UnixListenOptions(),
        onError: UnixServer.ErrorHook? = nil,
        handler makeHandler: @escaping UnixServer.HandlerFactory
    ) async throws {
        try await listen(on: address, options: options).serve(
            onError: onError, handler: makeHandler)
    }
}
