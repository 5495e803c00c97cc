import Testing

@testable import Heddle

/// A server of either kind, and clients for it.
enum TestServer: Sendable {
    case tcp(TCPServer)
    case unix(UnixServer)

    typealias Handler = @Sendable @concurrent (ByteStream) async throws -> Void
    /// Told who the peer is: the address's host, or the process.
    typealias ErrorHook = @Sendable (any Error, String?) -> Void
    typealias HandlerFactory = @Sendable () -> any StreamHandler

    // MARK: Serving

    func serve(onError: ErrorHook? = nil, _ handler: @escaping Handler) async throws {
        switch self {
        case .tcp(let server): try await server.serve(onError: Self.tcpHook(onError), handler)
        case .unix(let server): try await server.serve(onError: Self.unixHook(onError), handler)
        }
    }

    func serve(
        onError: ErrorHook? = nil, handler make: @escaping HandlerFactory
    ) async throws {
        switch self {
        case .tcp(let server): try await server.serve(onError: Self.tcpHook(onError), handler: make)
        case .unix(let server):
            try await server.serve(onError: Self.unixHook(onError), handler: make)
        }
    }

    private static func tcpHook(_ hook: ErrorHook?) -> TCPServer.ErrorHook? {
        guard let hook else { return nil }
        return { error, peer in hook(error, peer?.ip) }
    }

    private static func unixHook(_ hook: ErrorHook?) -> UnixServer.ErrorHook? {
        guard let hook else { return nil }
        return { error, peer in hook(error, peer.map { "process \($0.processID)" }) }
    }

    func stop(within grace: Duration = Worker.defaultGrace) async throws {
        switch self {
        case .tcp(let server): try await server.stop(within: grace)
        case .unix(let server): try await server.stop(within: grace)
        }
    }

    var statistics: ServerStatistics {
        switch self {
        case .tcp(let server): server.statistics
        case .unix(let server): server.statistics
        }
    }

    /// The server itself, to watch when it goes.
    var object: AnyObject {
        switch self {
        case .tcp(let server): server
        case .unix(let server): server
        }
    }

    // MARK: Clients

    /// A plain socket that has connected. How much a Unix socket holds is the writer's to bound.
    func rawClient(receiveBufferBytes: Int? = nil) throws -> RawSocket {
        switch self {
        case .tcp(let server):
            try RawSocket.connected(
                to: server.localAddress, receiveBufferBytes: receiveBufferBytes)
        case .unix(let server): try RawSocket.connected(to: server.localAddress)
        }
    }

    func client(on loop: EventLoop) async throws -> ByteStream {
        switch self {
        case .tcp(let server): try await TCPConnection.connect(to: server.localAddress, on: loop)
        case .unix(let server): try await UnixConnection.connect(to: server.localAddress, on: loop)
        }
    }
}

// MARK: While a test's body runs

/// Serves with `handler` while `body` runs, then stops the server and waits for its end.
func serving(
    _ kind: ServerKind, on runtime: Runtime, options: ListenOptions = ListenOptions(),
    grace: Duration = .seconds(5), onError: TestServer.ErrorHook? = nil,
    handler: @escaping TestServer.Handler,
    _ body: @escaping @Sendable (TestServer) async throws -> Void
) async throws {
    let server = try await kind.listen(on: runtime, options: options)
    try await whileServing(server, stop: { try await server.stop(within: $0) }, grace, body) {
        try await server.serve(onError: onError, handler)
    }
}

/// The same with handler objects.
func servingObjects(
    _ kind: ServerKind, on runtime: Runtime, options: ListenOptions = ListenOptions(),
    grace: Duration = .seconds(5), onError: TestServer.ErrorHook? = nil,
    objects: @escaping TestServer.HandlerFactory,
    _ body: @escaping @Sendable (TestServer) async throws -> Void
) async throws {
    let server = try await kind.listen(on: runtime, options: options)
    try await whileServing(server, stop: { try await server.stop(within: $0) }, grace, body) {
        try await server.serve(onError: onError, handler: objects)
    }
}
