internal import Glibc

/// How datagram sockets of the Unix family come to be.
extension UnixDatagramSocket {
    /// A socket bound to a path or an abstract name, which takes datagrams from everybody who may write to it.
    ///
    /// The path has exactly the permissions that the options ask for, and never more. It is removed when the socket
    /// closes, if it is still the same.
    ///
    /// - Throws: ``IOError`` that names the address: ``IOError/Code/addressInUse`` if a process has the path or name,
    ///   ``IOError/Code/wrongFileType`` if something at the path is no socket, ``IOError/Code/notFound`` without the
    ///   folder, ``IOError/Code/permissionDenied``; ``IOError/Code/invalidArgument`` for options out of bounds,
    ///   ``IOError/Code/loopStopped``. Nothing is left open then, and no path.
    public static func bind(
        to address: UnixAddress, on loop: EventLoop,
        options: UnixDatagramOptions = UnixDatagramOptions()
    ) async throws -> UnixDatagramSocket {
        try await open("bind to", "\(address)", on: loop, options) { socket in
            try BoundPath.bind(
                socket, to: address, permissions: options.permissions,
                replacesStaleSocket: options.replacesStaleSocket, "bind to")
        }
    }

    /// A socket that was given no address: for sending to several. It has a name that the system chooses, unless
    /// ``UnixDatagramOptions/choosesName`` says otherwise.
    ///
    /// - Throws: ``IOError``, for example ``IOError/Code/resourcesExhausted``; ``IOError/Code/invalidArgument`` for
    ///   options out of bounds, ``IOError/Code/loopStopped``.
    public static func open(
        on loop: EventLoop, options: UnixDatagramOptions = UnixDatagramOptions()
    ) async throws -> UnixDatagramSocket {
        try await open("open", "a Unix-domain socket", on: loop, options) { socket in
            if options.choosesName { try socket.bindToAnyName() }
            return nil
        }
    }

    /// A socket connected to `address`: it sends there alone, and takes datagrams from there alone. Nothing is sent
    /// to connect, and the receiver does not notice.
    ///
    /// - Parameters:
    ///   - address: where somebody has bound a socket.
    ///   - local: the address of this side, for answers; nil for one that the system chooses, or none: see
    ///     ``UnixDatagramOptions/choosesName``.
    ///   - loop: the loop the socket will belong to.
    ///   - options: how the socket behaves.
    /// - Throws: ``IOError`` that names the address: ``IOError/Code/notFound``,
    ///   ``IOError/Code/connectionRefused`` if nobody has it any more, ``IOError/Code/permissionDenied``, also for a
    ///   receiver that is connected to another, ``IOError/Code/invalidArgument`` for a socket there of another kind;
    ///   as ``bind(to:on:options:)`` for `local`.
    public static func connect(
        to address: UnixAddress, from local: UnixAddress? = nil, on loop: EventLoop,
        options: UnixDatagramOptions = UnixDatagramOptions()
    ) async throws -> UnixDatagramSocket {
        try await open("connect to", "\(address)", to: address, on: loop, options) { socket in
            if let local {
                return try BoundPath.bind(
                    socket, to: local, permissions: options.permissions,
                    replacesStaleSocket: options.replacesStaleSocket, "bind to")
            }
            if options.choosesName { try socket.bindToAnyName() }
            return nil
        }
    }

    /// Two sockets connected to each other, without names: what one sends the other receives.
    ///
    /// - Parameters:
    ///   - loop: the loop of the first, and of the second if `other` is nil.
    ///   - other: the loop of the second.
    ///   - options: how both behave.
    /// - Throws: as ``open(on:options:)``.
    public static func pair(
        on loop: EventLoop, and other: EventLoop? = nil,
        options: UnixDatagramOptions = UnixDatagramOptions()
    ) async throws -> (UnixDatagramSocket, UnixDatagramSocket) {
        try options.validate()
        let (near, far) = try Socket.unixPair(SOCK_DGRAM)
        let first: UnixDatagramSocket
        do {
            first = try await adopt(near, "make", "a socket pair", on: loop, options)
        } catch {
            far.close()
            throw error
        }
        return (
            first, try await adopt(far, "make", "a socket pair", on: other ?? loop, options)
        )
    }

    /// Makes a socket of a datagram socket of the Unix family that something else opened, for example systemd(1), bound
    /// or connected or neither. The new one owns the descriptor from here on and closes it, also when this fails; it does
    /// not remove the path.
    ///
    /// Of the options ``UnixDatagramOptions/permissions``, ``UnixDatagramOptions/replacesStaleSocket`` and
    /// ``UnixDatagramOptions/choosesName`` have no effect: they are for binding.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` if the descriptor is no such socket, or for options out of bounds, and
    ///   then it is left alone; else as ``open(on:options:)``.
    public static func adopting(
        descriptor: Int32, on loop: EventLoop,
        options: UnixDatagramOptions = UnixDatagramOptions()
    ) async throws -> UnixDatagramSocket {
        try options.validate()
        let socket = Socket(descriptor: descriptor)
        try socket.checkIsUnixDatagramSocket()
        return try await adopt(socket, "adopt", "descriptor \(descriptor)", on: loop, options)
    }

    /// A socket that is as it should be, and is closed if this throws.
    private static func adopt(
        _ socket: Socket, _ operation: String, _ subject: String, on loop: EventLoop,
        _ options: UnixDatagramOptions
    ) async throws -> UnixDatagramSocket {
        let core = loop.core
        return try await core.hop {
            try make(of: socket, operation, subject, on: core, options) { _ in nil }
        }
    }

    private static func open(
        _ operation: String, _ subject: String, to remote: UnixAddress? = nil, on loop: EventLoop,
        _ options: UnixDatagramOptions, binding: @Sendable (Socket) throws -> BoundPath?
    ) async throws -> UnixDatagramSocket {
        try options.validate()
        let core = loop.core
        return try await core.hop {
            let socket = try Socket.unix(SOCK_DGRAM, for: operation, on: subject)
            return try make(
                of: socket, operation, subject, to: remote, on: core, options, binding: binding)
        }
    }

    /// Binds and connects a socket as `options` say; it is closed, and its path gone, if this throws. On the loop.
    private static func make(
        of socket: Socket, _ operation: String, _ subject: String, to remote: UnixAddress? = nil,
        on loop: LoopCore, _ options: UnixDatagramOptions, binding: (Socket) throws -> BoundPath?
    ) throws -> UnixDatagramSocket {
        var path: BoundPath?
        do {
            guard !loop.isRefusingWork else { throw loop.stoppedError(operation, on: subject) }
            try socket.apply(options)
            path = try binding(socket)
            if let remote {
                let number = socket.connect(to: remote)
                guard number == 0 else { throw IOError(errno: number, operation, on: subject) }
            }
            return UnixDatagramSocket(
                core: try UnixDatagramCore(
                    socket: socket, path: path,
                    remote: remote ?? socket.unixAddress(ofPeer: true),
                    isConnected: socket.hasPeer, options: options, on: loop))
        } catch {
            path?.remove()
            socket.close()
            if let error = error as? UVError {
                throw IOError(nil, operation, on: subject, error)
            }
            throw error
        }
    }
}

extension Socket {
    fileprivate func apply(_ options: UnixDatagramOptions) throws {
        if let bytes = options.sendBufferBytes {
            try set(SO_SNDBUF, to: bytes, named: "sendBufferBytes")
        }
        // Before anybody can send here.
        if options.receivesCredentials { try set(SO_PASSCRED, to: 1, named: "receivesCredentials") }
    }
}
