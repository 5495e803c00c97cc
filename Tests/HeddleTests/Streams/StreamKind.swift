import Glibc
import Testing

@testable import Heddle

/// A kind of stream that the conformance suite runs over: what it is made of, and where the code that
/// uses it runs.
struct StreamKind: Sendable, Hashable, CustomTestStringConvertible {
    enum Family: String, Sendable {
        case tcpIPv4 = "TCP over IPv4"
        case tcpIPv6 = "TCP over IPv6"
        case unix = "an adopted Unix socket"
    }

    enum Place: String, Sendable {
        /// A task on the stream's loop.
        case onLoop = "on its loop"
        /// A server's handler, whose cancellation reaches the stream another way.
        case inHandler = "in a server's handler"
        /// Swift's global pool: every operation hops.
        case offLoop = "off its loop"
    }

    let family: Family
    let place: Place

    var testDescription: String { "\(family.rawValue) \(place.rawValue)" }

    static let tcpIPv4 = StreamKind(family: .tcpIPv4, place: .onLoop)
    static let tcpIPv6 = StreamKind(family: .tcpIPv6, place: .onLoop)
    static let unix = StreamKind(family: .unix, place: .onLoop)
    static let inHandler = StreamKind(family: .tcpIPv4, place: .inHandler)
    static let offLoop = StreamKind(family: .tcpIPv4, place: .offLoop)

    /// Every kind this machine has. That IPv6 is missing is reported by a test of its own.
    static let all: [StreamKind] =
        hasIPv6
        ? [tcpIPv4, tcpIPv6, unix, inHandler, offLoop] : [tcpIPv4, unix, inHandler, offLoop]

    /// Those whose peers can be reset and whose buffers can be bounded: TCP.
    static let tcp = all.filter { $0.family != .unix }

    static let hasIPv6: Bool = {
        guard let probe = try? RawSocket.listening(on: SocketAddress("[::1]:0")) else {
            return false
        }
        probe.close()
        return true
    }()

    var loopback: SocketAddress {
        family == .tcpIPv6
            ? SocketAddress(host: .v6(high: 0, low: 1, scope: 0), port: 0) : .loopback(port: 0)
    }

    // MARK: Making

    /// The receive buffer of a plain socket at the other end. Left to itself the kernel lets one grow to
    /// tens of megabytes, at moments of its own: what "everything is full" means would be up to it.
    static let peerBufferBytes = 128 * 1024

    /// A connection on `loop`, and its other end as a plain socket.
    func connect(
        on loop: EventLoop, options: TCPOptions = TCPOptions()
    ) async throws -> (TCPConnection, RawSocket) {
        if family == .unix {
            let (near, far) = try RawSocket.pair()
            return (
                try await .adopting(descriptor: near.descriptor, on: loop, options: options), far
            )
        }
        let listener = try RawSocket.listening(
            on: loopback, receiveBufferBytes: Self.peerBufferBytes)
        defer { listener.close() }
        let near = try await TCPConnection.connect(
            to: listener.address, on: loop, options: options)
        return (near, try listener.accept())
    }

    /// Runs `body` where this kind says, with a connection and its other end as a plain socket, which
    /// is closed afterwards.
    func withPeer(
        options: TCPOptions = TCPOptions(), sourceLocation: SourceLocation = #_sourceLocation,
        _ body: @escaping @Sendable (TCPConnection, RawSocket) async throws -> Void
    ) async throws {
        switch place {
        case .onLoop:
            try await withTestLoop(sourceLocation: sourceLocation) { loop in
                let (near, peer) = try await self.connect(on: loop, options: options)
                defer { peer.close() }
                try await body(near, peer)
            }
        case .offLoop:
            try await withTestRuntime(threads: 1, sourceLocation: sourceLocation) { runtime in
                let (near, peer) = try await self.connect(on: runtime.loops[0], options: options)
                defer { peer.close() }
                try await body(near, peer)
            }
        case .inHandler:
            try await withTestRuntime(threads: 1, sourceLocation: sourceLocation) { runtime in
                try await runInHandler(on: runtime, options, sourceLocation) { server in
                    try RawSocket.connected(
                        to: server.localAddress, receiveBufferBytes: Self.peerBufferBytes)
                } _: { near, peer in
                    defer { peer.close() }
                    try await body(near, peer)
                }
            }
        }
    }

    /// Runs `body` where this kind says, with both ends of a connection, on one loop.
    func withPair(
        options: TCPOptions = TCPOptions(), sourceLocation: SourceLocation = #_sourceLocation,
        _ body: @escaping @Sendable (TCPConnection, TCPConnection) async throws -> Void
    ) async throws {
        switch place {
        case .onLoop:
            try await withTestLoop(sourceLocation: sourceLocation) { loop in
                let (near, far) = try await self.connect(on: loop, options: options)
                let farEnd = try await TCPConnection.adopting(
                    descriptor: far.descriptor, on: loop, options: options)
                try await body(near, farEnd)
            }
        case .offLoop:
            // Two loops, so that the ends run at the same time.
            try await withTestRuntime(threads: 2, sourceLocation: sourceLocation) { runtime in
                let (near, far) = try await self.connect(on: runtime.loops[0], options: options)
                let farEnd = try await TCPConnection.adopting(
                    descriptor: far.descriptor, on: runtime.loops[1], options: options)
                try await body(near, farEnd)
            }
        case .inHandler:
            try await withTestRuntime(threads: 1, sourceLocation: sourceLocation) { runtime in
                try await runInHandler(on: runtime, options, sourceLocation) { server in
                    try await TCPConnection.connect(
                        to: server.localAddress, on: runtime.loops[0], options: options)
                } _: { near, far in
                    try await body(near, far)
                }
            }
        }
    }
}

/// Connects one client to a server and runs `body` in the handler that serves it.
private func runInHandler<Client: Sendable>(
    on runtime: Runtime, _ options: TCPOptions, _ sourceLocation: SourceLocation,
    connect: @escaping @Sendable (TCPServer) async throws -> Client,
    _ body: @escaping @Sendable (TCPConnection, Client) async throws -> Void
) async throws {
    var listening = ListenOptions()
    listening.connection = options
    let client = Recorder<Client>()
    let ended = Signal()
    try await serving(on: runtime, options: listening) { near in
        do {
            // The connection was made before serving began.
            try await body(near, client.all[0])
        } catch {
            Issue.record(error, sourceLocation: sourceLocation)
        }
        ended.fire()
    } before: { server in
        client.add(try await connect(server))
    } _: { _ in
        try await ended.wait()
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
    try await whileServing(server, grace: grace, body) {
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
    try await whileServing(server, grace: grace, body) {
        try await server.serve(onError: onError, handler: objects)
    }
}

private func whileServing(
    _ server: TCPServer, grace: Duration,
    _ body: @escaping @Sendable (TCPServer) async throws -> Void,
    _ serve: @escaping @Sendable () async throws -> Void
) async throws {
    let serve = Task { try await serve() }
    let outcome: Result<Void, any Error>
    do {
        outcome = .success(try await body(server))
    } catch {
        outcome = .failure(error)
    }
    try await server.stop(within: outcome.isSuccess ? grace : .zero)
    try await serve.value
    try outcome.get()
}

extension Result {
    fileprivate var isSuccess: Bool { if case .success = self { true } else { false } }
}
