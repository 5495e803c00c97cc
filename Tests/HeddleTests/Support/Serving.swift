import Testing

@testable import Heddle

/// Connects one client to a server and runs `body` in the handler that serves it.
func runInHandler<Client: Sendable>(
    on runtime: Runtime, _ options: TCPOptions, _ sourceLocation: SourceLocation,
    connect: @escaping @Sendable (TCPServer) async throws -> Client,
    _ body: @escaping @Sendable (TCPConnection, Client) async throws -> Void
) async throws {
    var listening = ListenOptions()
    listening.connection = options
    let client = Recorder<Client>()
    let ended = Signal()
    try await serving(on: runtime, options: listening) { near in
        // The connection was made before serving began.
        await recording(sourceLocation) { try await body(near, client.all[0]) }
        ended.fire()
    } before: { server in
        client.add(try await connect(server))
    } _: { _ in
        try await ended.wait()
    }
}

/// The same over a Unix socket.
func runInHandler<Client: Sendable>(
    on runtime: Runtime, _ options: UnixOptions, _ sourceLocation: SourceLocation,
    connect: @escaping @Sendable (UnixServer) async throws -> Client,
    _ body: @escaping @Sendable (UnixConnection, Client) async throws -> Void
) async throws {
    var listening = UnixListenOptions()
    listening.connection = options
    let client = Recorder<Client>()
    let ended = Signal()
    try await servingUnix(on: runtime, options: listening) { near in
        // The connection was made before serving began.
        await recording(sourceLocation) { try await body(near, client.all[0]) }
        ended.fire()
    } before: { server in
        client.add(try await connect(server))
    } _: { _ in
        try await ended.wait()
    }
}

/// Runs `body`; an error it throws is an issue of the test.
private func recording(_ location: SourceLocation, _ body: () async throws -> Void) async {
    do {
        try await body()
    } catch {
        Issue.record(error, sourceLocation: location)
    }
}

/// Serves with `handler` while `body` runs, then stops the server and waits for its end.
func serving(
    on runtime: Runtime, at address: SocketAddress = .loopback(port: 0),
    options: ListenOptions = ListenOptions(), grace: Duration = .seconds(5),
    onError: TCPServer.ErrorHook? = nil, handler: @escaping TCPServer.Handler,
    before: @escaping @Sendable (TCPServer) async throws -> Void = { _ in },
    _ body: @escaping @Sendable (TCPServer) async throws -> Void
) async throws {
    let server = try await runtime.listen(on: address, options: options)
    try await before(server)
    try await whileServing(server, stop: { try await server.stop(within: $0) }, grace, body) {
        try await server.serve(onError: onError, handler)
    }
}

/// The same with handler objects.
func servingObjects(
    on runtime: Runtime, options: ListenOptions = ListenOptions(), grace: Duration = .seconds(5),
    onError: TCPServer.ErrorHook? = nil, objects: @escaping TCPServer.HandlerFactory,
    _ body: @escaping @Sendable (TCPServer) async throws -> Void
) async throws {
    let server = try await runtime.listen(on: .loopback(port: 0), options: options)
    try await whileServing(server, stop: { try await server.stop(within: $0) }, grace, body) {
        try await server.serve(onError: onError, handler: objects)
    }
}

/// Serves a Unix socket, by default at an abstract name of its own, with `handler` while `body` runs.
func servingUnix(
    on runtime: Runtime, at address: UnixAddress? = nil,
    options: UnixListenOptions = UnixListenOptions(), grace: Duration = .seconds(5),
    onError: UnixServer.ErrorHook? = nil, handler: @escaping UnixServer.Handler,
    before: @escaping @Sendable (UnixServer) async throws -> Void = { _ in },
    _ body: @escaping @Sendable (UnixServer) async throws -> Void
) async throws {
    let server = try await runtime.listen(on: address ?? .forTest(), options: options)
    try await before(server)
    try await whileServing(server, stop: { try await server.stop(within: $0) }, grace, body) {
        try await server.serve(onError: onError, handler)
    }
}

/// The same with handler objects.
func servingUnixObjects(
    on runtime: Runtime, options: UnixListenOptions, grace: Duration = .seconds(5),
    onError: UnixServer.ErrorHook? = nil, objects: @escaping UnixServer.HandlerFactory,
    _ body: @escaping @Sendable (UnixServer) async throws -> Void
) async throws {
    let server = try await runtime.listen(on: .forTest(), options: options)
    try await whileServing(server, stop: { try await server.stop(within: $0) }, grace, body) {
        try await server.serve(onError: onError, handler: objects)
    }
}

func whileServing<Server: Sendable>(
    _ server: Server, stop: @Sendable (Duration) async throws -> Void, _ grace: Duration,
    _ body: @escaping @Sendable (Server) async throws -> Void,
    _ serve: @escaping @Sendable () async throws -> Void
) async throws {
    let serve = Task { try await serve() }
    let outcome: Result<Void, any Error>
    do {
        outcome = .success(try await body(server))
    } catch {
        outcome = .failure(error)
    }
    try await stop(outcome.isSuccess ? grace : .zero)
    try await serve.value
    try outcome.get()
}

extension Result {
    fileprivate var isSuccess: Bool { if case .success = self { true } else { false } }
}
