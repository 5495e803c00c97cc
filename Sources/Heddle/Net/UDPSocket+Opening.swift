internal import Glibc

/// How UDP sockets come to be: bound to an address of this machine, or connected to another's.
extension UDPSocket {
    /// A socket bound to `address`, which takes datagrams from everywhere.
    ///
    /// - Throws: ``IOError`` that names the address: ``IOError/Code/addressInUse``,
    ///   ``IOError/Code/addressNotAvailable``, ``IOError/Code/permissionDenied``;
    ///   ``IOError/Code/invalidArgument`` for options out of bounds, ``IOError/Code/loopStopped``. Nothing is
    ///   left open then.
    public static func bind(
        to address: SocketAddress, on loop: EventLoop, options: UDPOptions = UDPOptions()
    ) async throws -> UDPSocket {
        try options.validate()
        let core = loop.core
        return try await core.hop {
            let socket = try Socket.bound(to: address, options: options, isShared: false)
            return try open(socket, bound: address, remote: nil, options: options, on: core)
        }
    }

    /// A socket bound to a host's first address; as ``bind(to:on:options:)-(SocketAddress,_,_)``.
    public static func bind(
        to endpoint: Endpoint, on loop: EventLoop, options: UDPOptions = UDPOptions()
    ) async throws -> UDPSocket {
        let address = try await lookUp(endpoint, "bind to", on: loop, within: .seconds(30))[0]
        return try await bind(to: address, on: loop, options: options)
    }

    /// A socket for each of `loops`, all bound to the same address: the kernel spreads datagrams over them,
    /// those of one sender always to the same (SO_REUSEPORT of socket(7)). There must be a loop; mostly they are
    /// ``Runtime/loops``.
    ///
    /// - Throws: as ``bind(to:on:options:)-(SocketAddress,_,_)``. An address that somebody else has bound
    ///   already is in use, even if it is shared.
    public static func bind(
        to address: SocketAddress, sharedBy loops: [EventLoop], options: UDPOptions = UDPOptions()
    ) async throws -> [UDPSocket] {
        try options.validate()
        guard !loops.isEmpty else {
            throw IOError(.invalidArgument, "bind to", on: "\(address)", reason: "no loops")
        }
        var sockets: [UDPSocket] = []
        do {
            var address = address
            for loop in loops {
                let (core, wanted, isShared) = (loop.core, address, !sockets.isEmpty)
                let socket = try await core.hop {
                    let socket = try Socket.bound(to: wanted, options: options, isShared: isShared)
                    // The first one joins the sharing only now, so that a port in use is told.
                    if loops.count > 1 { try socket.share() }
                    return try open(socket, bound: wanted, remote: nil, options: options, on: core)
                }
                sockets.append(socket)
                address = socket.localAddress
            }
            return sockets
        } catch {
            for socket in sockets { await socket.close() }
            throw error
        }
    }

    /// A socket connected to a host's first address: it sends there alone, takes datagrams from there alone,
    /// and hears when they cannot be delivered. Nothing is sent to connect.
    ///
    /// - Parameters:
    ///   - endpoint: where to, for example `"example.com:53"`.
    ///   - local: the address of this side; nil lets the system choose.
    ///   - loop: the loop the socket will belong to.
    ///   - timeout: for looking the name up.
    ///   - options: how the socket behaves.
    /// - Throws: ``IOError`` that names the address: ``IOError/Code/unreachable`` where no route leads there,
    ///   ``IOError/Code/unknownHost``, ``IOError/Code/timedOut``; else as
    ///   ``bind(to:on:options:)-(SocketAddress,_,_)``. `CancellationError` when cancelled.
    public static func connect(
        to endpoint: Endpoint, from local: SocketAddress? = nil, on loop: EventLoop,
        timeout: Duration = .seconds(30), options: UDPOptions = UDPOptions()
    ) async throws -> UDPSocket {
        try options.validate()
        let address = try await lookUp(endpoint, "connect to", on: loop, within: timeout)[0]
        return try await connect(to: address, from: local, on: loop, options: options)
    }

    /// A socket connected to `address`; as ``connect(to:from:on:timeout:options:)``.
    public static func connect(
        to address: SocketAddress, from local: SocketAddress? = nil, on loop: EventLoop,
        options: UDPOptions = UDPOptions()
    ) async throws -> UDPSocket {
        try options.validate()
        let core = loop.core
        let any = address.isIPv4 ? SocketAddress.anyIPv4(port: 0) : .anyIPv6(port: 0)
        return try await core.hop {
            let socket = try Socket.bound(to: local ?? any, options: options, isShared: false)
            do {
                try socket.connectDatagrams(to: address)
            } catch {
                socket.close()
                throw error
            }
            return try open(socket, bound: any, remote: address, options: options, on: core)
        }
    }

    static func lookUp(
        _ endpoint: Endpoint, _ operation: String, on loop: EventLoop, within timeout: Duration
    ) async throws -> [SocketAddress] {
        guard timeout > .zero else {
            throw IOError(
                .invalidArgument, operation, on: "\(endpoint)",
                reason: "a timeout of \(timeout.text)")
        }
        let core = loop.core
        return try await core.hop {
            guard !core.isRefusingWork else {
                throw core.stoppedError(operation, on: "\(endpoint)")
            }
            let deadline = UVLoop.hrtimeNanoseconds &+ UInt64(timeout.clampedNanoseconds)
            return try await NameLookup.addresses(of: endpoint, on: core, deadline: deadline)
        }
    }

    /// Makes a socket of a bound descriptor, which is closed if this throws. On the loop.
    private static func open(
        _ socket: Socket, bound: SocketAddress, remote: SocketAddress?, options: UDPOptions,
        on loop: LoopCore
    ) throws -> UDPSocket {
        do {
            return try make(
                of: socket, remote == nil ? "bind to" : "connect to", "\(remote ?? bound)",
                local: socket.address(ofPeer: false) ?? bound, remote: remote, options: options,
                on: loop)
        } catch {
            socket.close()
            throw error
        }
    }

    /// Makes a socket of a bound descriptor, which stays the caller's if this throws. On the loop.
    static func make(
        of socket: Socket, _ operation: String, _ subject: String, local: SocketAddress,
        remote: SocketAddress?, options: UDPOptions, on loop: LoopCore
    ) throws -> UDPSocket {
        guard !loop.isRefusingWork else { throw loop.stoppedError(operation, on: subject) }
        if remote != nil || options.reportsUnreachable {
            try socket.reportErrors(isIPv6: local.isIPv6)
        }
        do {
            return UDPSocket(
                core: try UDPCore(
                    socket: socket, local: local, remote: remote, options: options, on: loop))
        } catch {
            throw IOError(nil, operation, on: subject, error)
        }
    }
}

// Unsafe: the system reads the address during the call only, within its length.
extension Socket {
    /// A new datagram socket bound to `address`. Nothing is left open if this throws.
    fileprivate static func bound(
        to address: SocketAddress, options: UDPOptions, isShared: Bool
    ) throws -> Socket {
        let socket = try datagram(for: address, options: options, isShared: isShared)
        let status = unsafe address.withSockaddr {
            unsafe Glibc.bind(socket.descriptor, $0, $1)
        }
        guard status == 0 else {
            let error = IOError(errno: errno, "bind to", on: "\(address)")
            socket.close()
            throw error
        }
        return socket
    }

    /// Lets others share the address. The socket is closed if this throws.
    fileprivate func share() throws {
        do {
            try set(SO_REUSEPORT, to: 1, named: "reuse-port")
        } catch {
            close()
            throw error
        }
    }

    fileprivate func connectDatagrams(to address: SocketAddress) throws {
        let status = unsafe address.withSockaddr { unsafe Glibc.connect(descriptor, $0, $1) }
        guard status == 0 else { throw IOError(errno: errno, "connect to", on: "\(address)") }
    }
}
