internal import Synchronization

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

    /// What a server has done so far. Bytes are those of closed connections.
    public struct Statistics: Sendable, Hashable {
        /// Connections accepted since the server began.
        public let acceptedConnections: Int
        /// Connections whose handler has not ended yet.
        public let openConnections: Int
        /// What the error hook was told, whether there is one or not.
        public let errors: Int
        /// Bytes the kernel took on connections that have closed.
        public let bytesSent: UInt64
    }

    /// Where the server listens, with the real port if 0 was asked for.
    public let localAddress: SocketAddress
    private let shares: [ServerShare]
    private let reports: ServerReports
    /// A server is served once, on all its loops, whoever asks at the same time.
    private let serving = Atomic<Serving>(.notYet)

    private enum Serving: UInt8, AtomicRepresentable {
        case notYet, underWay, over
    }

    /// What the server has done so far.
    public var statistics: Statistics { reports.statistics }

    /// Opens the listening sockets and puts them on their loops.
    init(on address: SocketAddress, loops: [EventLoop], options: ListenOptions) async throws {
        try options.validate()
        let placement = Placement(options.balance)
        let reports = ServerReports()
        let count = placement.listenerCount(loops: loops.count)
        let listening = try ListeningSockets(address, count: count, options: options)
        let shares = loops.map {
            ServerShare(
                core: $0.core, address: listening.address, options: options, placement: placement,
                reports: reports)
        }
        placement.setShares(shares)
        localAddress = listening.address
        self.shares = shares
        self.reports = reports
        try await Self.place(listening.sockets, on: shares)
    }

    deinit {
        for share in shares { share.core.postUnlessEnded { share.beginDrain() } }
    }

    private static func place(_ sockets: [Socket], on shares: [ServerShare]) async throws {
        for (index, share) in shares.enumerated() {
            do {
                try await share.core.hop {
                    share.join()
                    if index < sockets.count { try share.listen(on: sockets[index]) }
                }
            } catch {
                // This socket is closed; close those that no share has yet.
                for socket in sockets.dropFirst(index + 1) { socket.close() }
                throw error
            }
        }
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
        try await serve(.tasks(handler), onError: onError)
    }

    /// Serves connections with a handler object each; otherwise as ``serve(onError:_:)``.
    ///
    /// - Parameters:
    ///   - onError: told what handlers throw, what connections lose, and when accepting is in trouble.
    ///   - makeHandler: makes one connection's handler, on its loop.
    public func serve(
        onError: ErrorHook? = nil, handler makeHandler: @escaping HandlerFactory
    ) async throws {
        try await serve(.handlers(makeHandler), onError: onError)
    }

    private func serve(_ service: ServerShare.Service, onError: ErrorHook?) async throws {
        try beginServing()
        reports.onError = onError
        defer {
            // What it holds may hold the server.
            reports.onError = nil
            serving.store(.over, ordering: .releasing)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for share in shares {
                group.addTask(executorPreference: share.core) { try await share.serve(service) }
            }
            try await group.waitForAll()
        }
    }

    private func beginServing() throws {
        let (isFirst, state) = serving.compareExchange(
            expected: .notYet, desired: .underWay, ordering: .acquiringAndReleasing)
        if isFirst { return }
        throw state == .over
            ? IOError(
                .closed, "serve on", on: "\(localAddress)",
                reason: "it was served before, and has stopped")
            : IOError(.busy, "serve on", on: "\(localAddress)", reason: "it is served already")
    }

    /// Stops listening, lets the connections end until `grace` has passed, and cancels the others.
    /// Returns when all have ended.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` for a negative grace.
    public func stop(within grace: Duration = Worker.defaultGrace) async throws {
        try Worker.check(grace, "stop server", "\(localAddress)")
        let deadline = UVLoop.hrtimeNanoseconds &+ UInt64(grace.clampedNanoseconds)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for share in shares {
                group.addTask(executorPreference: share.core) { await share.drain(until: deadline) }
            }
            try await group.waitForAll()
        }
    }
}
