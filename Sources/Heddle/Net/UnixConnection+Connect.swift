internal import Glibc

/// How Unix-domain connections come to be: by connecting, as a pair, or from a descriptor.
extension UnixConnection {
    /// Connects to a path or an abstract name.
    ///
    /// A listener that does not take connections as fast as they come lets `timeout` pass for some of them: the
    /// kernel has no queue for those that its backlog has no room for, so this tries again and again, from
    /// once a millisecond down to 16 times a second.
    ///
    /// - Parameters:
    ///   - address: where somebody listens.
    ///   - loop: the loop the connection will belong to.
    ///   - timeout: how long to try while the listener's backlog is full.
    ///   - options: how the connection behaves.
    /// - Throws: `CancellationError` when cancelled; ``IOError`` that names the address:
    ///   ``IOError/Code/notFound``, ``IOError/Code/connectionRefused`` if nobody listens,
    ///   ``IOError/Code/permissionDenied``, ``IOError/Code/timedOut``, ``IOError/Code/invalidArgument`` for a
    ///   timeout of zero or less or a socket there that takes no connections, ``IOError/Code/loopStopped``. No
    ///   socket is left open then.
    public static func connect(
        to address: UnixAddress, on loop: EventLoop, timeout: Duration = .seconds(30),
        options: UnixOptions = UnixOptions()
    ) async throws -> UnixConnection {
        let connector = try UnixConnector(address: address, timeout: timeout, options: options)
        guard loop.isCurrent else {
            return try await loop.core.hop { try await connector.connect(on: loop.core) }
        }
        return try await connector.connect(on: loop.core)
    }

    /// Connects, runs `body` with the connection, and closes it however `body` ends; as
    /// ``TCPConnection/withConnection(to:on:timeout:options:resolver:_:)``.
    ///
    /// - Parameters: as in ``connect(to:on:timeout:options:)``.
    public static func withConnection<R: Sendable>(
        to address: UnixAddress, on loop: EventLoop, timeout: Duration = .seconds(30),
        options: UnixOptions = UnixOptions(),
        _ body: @Sendable @concurrent (UnixConnection) async throws -> R
    ) async throws -> R {
        let connector = try UnixConnector(address: address, timeout: timeout, options: options)
        return try await loop.core.hop {
            let connection = try await connector.connect(on: loop.core)
            return try await connection.closing { try await body(connection) }
        }
    }

    /// Two ends of one connection, which has no address: what one writes the other reads.
    ///
    /// - Parameters:
    ///   - loop: the loop of the first, and of the second if `other` is nil.
    ///   - other: the loop of the second.
    ///   - options: how both behave.
    /// - Throws: ``IOError``, for example ``IOError/Code/resourcesExhausted``; ``IOError/Code/loopStopped``.
    public static func pair(
        on loop: EventLoop, and other: EventLoop? = nil, options: UnixOptions = UnixOptions()
    ) async throws -> (UnixConnection, UnixConnection) {
        try options.validate()
        let (near, far) = try Socket.unixPair()
        let settings = options.settings(peer: "a socket pair")
        let (core, otherCore) = (loop.core, (other ?? loop).core)
        let first: UnixConnection
        do {
            first = try await core.hop {
                try core.adopt(near, options, settings, "make", on: "a socket pair")
            }
        } catch {
            far.close()
            throw error
        }
        let second = try await otherCore.hop {
            try otherCore.adopt(far, options, settings, "make", on: "a socket pair")
        }
        return (first, second)
    }

    /// Makes a connection of a connected Unix-domain stream socket that something else opened. The connection
    /// owns the descriptor from here on and closes it, also when this fails.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` if the descriptor is not a connected stream socket of this
    ///   family, and then it is left alone.
    public static func adopting(
        descriptor: Int32, on loop: EventLoop, options: UnixOptions = UnixOptions()
    ) async throws -> UnixConnection {
        try options.validate()
        let socket = Socket(descriptor: descriptor)
        try socket.checkIsStreamSocket()
        try socket.checkIsUnix()
        let subject = "descriptor \(descriptor)"
        let core = loop.core
        return try await core.hop {
            try core.adopt(
                socket, options, options.settings(peer: subject), "adopt", on: subject)
        }
    }
}

extension LoopCore {
    fileprivate func adopt(
        _ socket: Socket, _ options: UnixOptions, _ settings: StreamSettings, _ operation: String,
        on subject: String
    ) throws -> UnixConnection {
        guard !isRefusingWork else {
            socket.close()
            throw stoppedError(operation, on: subject)
        }
        do {
            try socket.apply(options)
        } catch {
            socket.close()
            throw error
        }
        return UnixConnection(
            stream: try UnixStream.adopting(
                socket, on: self, settings: settings, operation: operation, subject: subject))
    }
}

/// One call to connect to a Unix-domain address. Used on the loop.
struct UnixConnector: Sendable {
    /// Between two attempts while the listener's backlog is full; the kernel tells nobody when there is room.
    private static let firstPauseNanoseconds: UInt64 = 1_000_000
    private static let longestPauseNanoseconds: UInt64 = 64_000_000

    let address: UnixAddress
    let timeout: Duration
    let options: UnixOptions

    init(address: UnixAddress, timeout: Duration, options: UnixOptions) throws {
        guard timeout > .zero else {
            throw IOError(
                .invalidArgument, "connect to", on: "\(address)",
                reason: "a timeout of \(timeout.text)")
        }
        try options.validate()
        self.address = address
        self.timeout = timeout
        self.options = options
    }

    func connect(on loop: LoopCore) async throws -> UnixConnection {
        guard !loop.isRefusingWork else { throw loop.stoppedError("connect to", on: "\(address)") }
        // The kernel answers at once, so who connects without end would keep the loop from everything else.
        await loop.passTurn()
        guard !loop.isRefusingWork else { throw loop.stoppedError("connect to", on: "\(address)") }
        let socket = try Socket.unix(for: "connect to", on: "\(address)")
        do {
            try socket.apply(options)
            try await connect(socket, on: loop)
            try Task.checkCancellation()
        } catch {
            socket.close()
            throw error
        }
        return UnixConnection(
            stream: try UnixStream.adopting(
                socket, on: loop, settings: options.settings(peer: "\(address)"),
                operation: "connect to", subject: "\(address)"))
    }

    private func connect(_ socket: Socket, on loop: LoopCore) async throws {
        let deadline = UVLoop.hrtimeNanoseconds &+ UInt64(timeout.clampedNanoseconds)
        var pause = Self.firstPauseNanoseconds
        while true {
            let number = socket.connect(to: address)
            if number == 0 { return }
            guard number == EAGAIN || number == EINTR else {
                throw IOError(errno: number, "connect to", on: "\(address)")
            }
            let now = UVLoop.hrtimeNanoseconds
            guard now < deadline else {
                throw IOError(
                    .timedOut, "connect to", on: "\(address)",
                    reason: "the listener's backlog was full for \(timeout.text)")
            }
            let alarm = WaitTimer(core: loop)
            loop.schedule(alarm, at: min(deadline, now + pause))
            defer { loop.cancel(alarm) }
            try await loop.waitOrThrow(for: alarm.waiter, "connect to \(address)")
            guard !loop.isRefusingWork else {
                throw loop.stoppedError("connect to", on: "\(address)")
            }
            pause = min(pause * 2, Self.longestPauseNanoseconds)
        }
    }
}
