/// Groups a socket is a member of, and options that may change while it is open.
extension UDPSocket {
    /// Receives what is sent to a multicast group from now on, from everybody or from one source alone
    /// (source-specific multicast, RFC 4607). The socket is bound to the group's port, mostly with
    /// ``UDPOptions/sharesAddress``. A close leaves all groups.
    ///
    /// - Parameters:
    ///   - group: the group's address without a port: `239.1.2.3`, `ff02::114`.
    ///   - source: the only address whose datagrams are wanted; again with another for several.
    ///   - interface: the name of the interface to receive on, for example `eth0`; nil for the one that
    ///     the system's routes name.
    /// - Throws: ``IOError/Code/invalidArgument`` for what is no multicast address, of another family than
    ///   the socket, or no interface; ``IOError/Code/addressInUse`` if it is a member already; else what the
    ///   system says.
    public func join(
        group: String, from source: String? = nil, interface: String? = nil
    ) async throws {
        try await change("join", group, source, interface)
    }

    /// Leaves a group, or one source of it: the same that was joined.
    ///
    /// - Throws: ``IOError/Code/addressNotAvailable`` if it is no member of the group, or
    ///   ``IOError/Code/invalidArgument`` not one of that source; else as ``join(group:from:interface:)``.
    public func leave(
        group: String, from source: String? = nil, interface: String? = nil
    ) async throws {
        try await change("leave", group, source, interface)
    }

    private func change(
        _ operation: String, _ group: String, _ source: String?, _ interface: String?
    ) async throws {
        let groupAddress = try parse(group, "\(operation) group")
        let sourceAddress = try source.map { try parse($0, "\(operation) group \(group) from") }
        let index = try interface.map { try Socket.interfaceIndex($0, "\(operation) group on") }
        try await configure("\(operation) group", group + (source.map { " from \($0)" } ?? "")) {
            $0.changeMembership(
                joins: operation == "join", group: groupAddress, source: sourceAddress,
                interface: index ?? groupAddress.scope)
        }
    }

    private func parse(_ text: String, _ operation: String) throws -> SocketAddress {
        guard let host = SocketAddress.Host(parsing: text) else {
            throw IOError(
                .invalidArgument, operation, on: "'\(text)'", reason: "not an IPv4 or IPv6 address")
        }
        let address = SocketAddress(host: host, port: 0)
        guard address.isIPv4 == core.local.isIPv4 else {
            throw IOError(
                .invalidArgument, operation, on: text,
                reason: "the socket \(core.local) is of the other family")
        }
        return address
    }

    // MARK: Options of an open socket

    /// Allows or forbids broadcasts: ``UDPOptions/allowsBroadcast``.
    public func setAllowsBroadcast(_ isAllowed: Bool) async throws {
        try await setOption { socket, _ in try socket.setBroadcast(isAllowed) }
    }

    /// Sets ``UDPOptions/timeToLive``, from 1 to 255.
    public func setTimeToLive(_ hops: Int) async throws {
        try Self.check(hops, as: \.timeToLive)
        try await setOption { try $0.setTimeToLive(hops, isIPv6: $1) }
    }

    /// Sets ``UDPOptions/multicastTimeToLive``, from 0 to 255.
    public func setMulticastTimeToLive(_ hops: Int) async throws {
        try Self.check(hops, as: \.multicastTimeToLive)
        try await setOption { try $0.setMulticastTimeToLive(hops, isIPv6: $1) }
    }

    /// Sets ``UDPOptions/multicastLoopback``.
    public func setMulticastLoopback(_ isOn: Bool) async throws {
        try await setOption { try $0.setMulticastLoopback(isOn, isIPv6: $1) }
    }

    /// Sets ``UDPOptions/multicastInterface``, by its name.
    public func setMulticastInterface(_ name: String) async throws {
        try await setOption { try $0.setMulticastInterface(name, isIPv6: $1) }
    }

    /// Whether `hops` lies in the bounds of an option.
    private static func check(
        _ hops: Int, as option: WritableKeyPath<UDPOptions, Int?>
    ) throws {
        var options = UDPOptions()
        options[keyPath: option] = hops
        try options.validate()
    }

    private func configure(
        _ operation: String, _ subject: String, _ body: @Sendable (Socket) -> Int32
    ) async throws {
        try await setOption { socket, _ in
            let number = body(socket)
            guard number == 0 else { throw IOError(errno: number, operation, on: subject) }
        }
    }

    /// Runs `body` with the open socket, and whether it is one of IPv6, on its loop.
    private func setOption(_ body: @Sendable (Socket, Bool) throws -> Void) async throws {
        let core = core
        try await core.loop.hop {
            guard core.phase == .open else { throw core.endedError("configure") }
            try body(core.socket, core.local.isIPv6)
        }
    }
}
