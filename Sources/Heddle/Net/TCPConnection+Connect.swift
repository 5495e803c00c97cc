/// How connections come to be: by connecting, or from a descriptor that is connected already.
extension TCPConnection {
    /// Connects to a host by name or address. A name's addresses are tried in turn.
    ///
    /// - Parameters:
    ///   - endpoint: where to, for example `"example.com:80"`. A literal that is no endpoint traps; make
    ///     one from text that comes from outside with ``Endpoint/init(_:)``.
    ///   - loop: the loop the connection will belong to.
    ///   - timeout: for everything together, looking up too; each address gets a fair share of it.
    ///   - options: how the connection behaves.
    /// - Throws: `CancellationError` when cancelled; ``IOError`` that names the address and why it failed,
    ///   with each attempt in ``IOError/causes`` if there were several; ``IOError/Code/timedOut``,
    ///   ``IOError/Code/unknownHost``, ``IOError/Code/invalidArgument`` for a timeout of zero or less.
    ///   No socket is left open then.
    public static func connect(
        to endpoint: Endpoint, on loop: EventLoop, timeout: Duration = .seconds(30),
        options: TCPOptions = TCPOptions()
    ) async throws -> TCPConnection {
        let connector = try TCPConnector(endpoint: endpoint, timeout: timeout, options: options)
        guard loop.isCurrent else {
            return try await loop.core.hop { try await connector.connect(on: loop.core) }
        }
        return try await connector.connect(on: loop.core)
    }

    /// Connects to an address; as ``connect(to:on:timeout:options:)-(Endpoint,_,_,_)``.
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

/// One connection attempt, over all addresses of a host.
private struct TCPConnector: Sendable {
    let endpoint: Endpoint
    let timeout: Duration
    let options: TCPOptions

    init(endpoint: Endpoint, timeout: Duration, options: TCPOptions) throws {
        guard timeout > .zero else {
            throw IOError(
                .invalidArgument, "connect to", on: "\(endpoint)",
                reason: "a timeout of \(timeout.text)")
        }
        try options.validate()
        self.endpoint = endpoint
        self.timeout = timeout
        self.options = options
    }

    func connect(on loop: LoopCore) async throws -> TCPConnection {
        guard !loop.isRefusingWork else { throw loop.stoppedError("connect to", on: "\(endpoint)") }
        let deadline = UVLoop.hrtimeNanoseconds &+ UInt64(timeout.clampedNanoseconds)
        let addresses = try await NameLookup.addresses(of: endpoint, on: loop, deadline: deadline)
        var failures: [IOError] = []
        for (index, address) in addresses.enumerated() {
            let now = UVLoop.hrtimeNanoseconds
            let share = (max(deadline, now) - now) / UInt64(addresses.count - index)
            do {
                return try await attempt(address, on: loop, until: now + share)
            } catch let error as IOError {
                failures.append(error)
                if error.code == .loopStopped { break }
            }
        }
        guard failures.count > 1 else { throw failures[0] }
        throw IOError(
            failures[0].code, "connect to", on: "\(endpoint)",
            reason: "none of \(failures.count) addresses answered", causes: failures)
    }

    /// Tries one address; the socket is closed again before this throws.
    private func attempt(
        _ address: SocketAddress, on loop: LoopCore, until deadline: UInt64
    ) async throws -> TCPConnection {
        guard !loop.isRefusingWork else { throw loop.stoppedError("connect to", on: "\(address)") }
        let socket = try Socket(for: address)
        let stream: TCPStream
        do {
            try socket.apply(options)
            stream = try TCPStream(
                on: loop, settings: StreamSettings(limits: options.limits), remote: address)
        } catch {
            socket.close()
            throw error
        }
        do {
            try stream.begin(on: socket, to: address)
            try await stream.waitConnected(until: deadline, timeout: timeout)
            return TCPConnection(stream: stream)
        } catch {
            // Closed before the next address is tried, or anybody hears of it.
            await stream.abandon()
            throw error
        }
    }
}

extension TCPStream {
    fileprivate func begin(on socket: Socket, to address: SocketAddress) throws {
        do {
            do {
                try open(descriptor: socket.descriptor)
            } catch {
                socket.close()
                throw error
            }
            // libuv copies the address during the call.
            try unsafe address.withSockaddr { pointer, _ throws(UVError) in
                try unsafe connect(to: pointer)
            }
        } catch let error as UVError {
            throw IOError(nil, "connect to", on: subject, error)
        }
    }

    fileprivate func waitConnected(until deadline: UInt64, timeout: Duration) async throws {
        let alarm = WaitTimer(core: loop)
        makeWaits().connector = alarm.waiter
        loop.schedule(alarm, at: deadline)
        defer {
            waits?.connector = nil
            loop.cancel(alarm)
        }
        try await loop.waitOrThrow(for: alarm.waiter, "connect to \(subject)")
        if alarm.timedOut {
            throw IOError(
                .timedOut, "connect to", on: subject, reason: "no answer within \(timeout.text)")
        }
        if let failure { throw failure }
        do {
            try startReading()
        } catch {
            throw IOError(nil, "read from", on: subject, error)
        }
    }

    /// Closes a stream that nobody has seen, and waits until it is closed, whatever is cancelled.
    fileprivate func abandon() async {
        reset()
        while phase != .closed {
            let waiter = Waiter()
            makeWaits().closers.append(waiter)
            await loop.park(waiter)
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
