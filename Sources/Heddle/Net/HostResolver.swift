/// Something that finds the addresses of hosts: the system's resolver, unless you bring one of your own.
///
/// A resolver is used from any number of loops at once.
public protocol HostResolver: Sendable {
    /// The addresses of `host`, in the order to try them; their ports are ignored.
    ///
    /// Called as a task on `loop`, which it must not block, and cancelled when its time is over or nobody waits
    /// any more. Never called with what is an address already.
    ///
    /// - Throws: what the one who asked gets.
    func addresses(of host: String, on loop: EventLoop) async throws -> [SocketAddress]
}

/// The system's resolver (getaddrinfo(3)), which also knows `/etc/hosts` and whatever else nsswitch.conf(5)
/// names. It runs on threads that each loop has for names alone, four at most, so that slow answers hold up
/// nothing else.
public struct SystemHostResolver: HostResolver {
    /// The system's resolver.
    public init() {}

    /// The addresses of `host`, with port 0, in the order that RFC 6724 gives them. Waits for as long as the
    /// resolver's own time-outs allow; cancelling ends the wait at once.
    public func addresses(of host: String, on loop: EventLoop) async throws -> [SocketAddress] {
        try await loop.addresses(of: host, timeout: .seconds(3_600))
    }
}

extension HostResolver where Self == SystemHostResolver {
    /// The system's resolver.
    public static var system: SystemHostResolver { SystemHostResolver() }
}

extension EventLoop {
    /// Looks up the addresses of a host, in the order to try them, each with port 0. May be called from any
    /// thread. The text of an address is its own answer.
    ///
    /// - Throws: `CancellationError` when cancelled, at once; ``IOError`` that names the host:
    ///   ``IOError/Code/unknownHost``, ``IOError/Code/timedOut``, ``IOError/Code/loopStopped``,
    ///   ``IOError/Code/resourcesExhausted`` if 1,024 look-ups wait already,
    ///   ``IOError/Code/invalidArgument`` for what no host is called and a timeout of zero or less.
    public nonisolated func addresses(
        of host: String, timeout: Duration = .seconds(30)
    ) async throws -> [SocketAddress] {
        let endpoint = try Endpoint(host: host, port: 0)
        let core = core
        return try await core.lookUp(host, timeout) { deadline in
            try await NameLookup.addresses(of: endpoint, on: core, deadline: deadline)
        }
    }

    /// Looks up the name of an address (getnameinfo(3)); its port is ignored. May be called from any thread.
    ///
    /// Anybody can give their addresses any name: it is for people to read, not to be trusted.
    ///
    /// - Throws: as ``addresses(of:timeout:)``; ``IOError/Code/unknownHost`` if the address has no name.
    public nonisolated func name(
        of address: SocketAddress, timeout: Duration = .seconds(30)
    ) async throws -> String {
        let core = core
        return try await core.lookUp(address.ip, timeout) { deadline in
            try await NameLookup.name(of: address, on: core, deadline: deadline)
        }
    }
}

extension LoopCore {
    /// Runs a look-up on the loop.
    fileprivate func lookUp<T: Sendable>(
        _ subject: String, _ timeout: Duration,
        _ body: @escaping @Sendable (_ deadline: UInt64) async throws -> T
    ) async throws -> T {
        guard timeout > .zero else {
            throw IOError(
                .invalidArgument, "look up", on: subject, reason: "a timeout of \(timeout.text)")
        }
        let deadline = UVLoop.hrtimeNanoseconds &+ UInt64(timeout.clampedNanoseconds)
        // By a method: a function value would begin where the caller is (seen with Swift 6.3).
        guard isCurrent else {
            return try await hop { try await self.beginLookUp(subject, deadline, body) }
        }
        return try await beginLookUp(subject, deadline, body)
    }

    private func beginLookUp<T: Sendable>(
        _ subject: String, _ deadline: UInt64,
        _ body: @Sendable (_ deadline: UInt64) async throws -> T
    ) async throws -> T {
        guard !isRefusingWork else { throw stoppedError("look up", on: subject) }
        return try await body(deadline)
    }
}
