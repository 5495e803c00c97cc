/// Looking up addresses and names, mostly by the system's resolver, on threads of the loop's own.
enum NameLookup {
    /// The addresses of `endpoint` by `resolver`, in the order to try them. On the loop only.
    ///
    /// A look-up of the system's that has begun cannot be broken off: a cancelled or late one is left to end by
    /// itself.
    static func addresses(
        of endpoint: Endpoint, on loop: LoopCore, deadline: UInt64,
        by resolver: any HostResolver = SystemHostResolver()
    ) async throws -> [SocketAddress] {
        if let host = SocketAddress.Host(parsing: endpoint.host) {
            return [SocketAddress(host: host, port: endpoint.port)]
        }
        guard resolver is SystemHostResolver else {
            return try await addresses(of: endpoint, on: loop, deadline, asking: resolver)
        }
        let found = try await ask(endpoint.host, on: loop, deadline) { resolver, answered in
            try resolver.lookUp(
                endpoint.host, threadName: "\(loop.name)-names", answered: answered)
        }
        return try decode(found, for: endpoint)
    }

    /// The name of an address, by the system's resolver. On the loop only.
    static func name(
        of address: SocketAddress, on loop: LoopCore, deadline: UInt64
    ) async throws -> String {
        // Copied during the call.
        let bytes = unsafe address.withSockaddr { head, length in
            unsafe Array(UnsafeRawBufferPointer(start: head, count: Int(length)))
        }
        let found = try await ask(address.ip, on: loop, deadline) { resolver, answered in
            try resolver.lookUpName(
                of: bytes, address.ip, threadName: "\(loop.name)-names", answered: answered)
        }
        return String(decoding: found.first ?? [], as: UTF8.self)
    }

    private static func addresses(
        of endpoint: Endpoint, on loop: LoopCore, _ deadline: UInt64,
        asking resolver: any HostResolver
    ) async throws -> [SocketAddress] {
        guard let eventLoop = loop.eventLoop else {
            throw loop.stoppedError("look up", on: endpoint.host)
        }
        let limit = LoopClock.Instant(nanoseconds: deadline)
        // Also where the caller prefers no executor, or another.
        let found = try await loop.hop {
            try await withDeadline(limit, "look up \(endpoint.host)") {
                try await resolver.addresses(of: endpoint.host, on: eventLoop)
            }
        }
        guard !found.isEmpty else {
            throw IOError(.unknownHost, "look up", on: endpoint.host, reason: "it has no address")
        }
        return found.map { $0.with(port: endpoint.port) }
    }

    /// Waits for one answer of the system's resolver.
    private static func ask(
        _ subject: String, on loop: LoopCore, _ deadline: UInt64,
        _ begin: (NameResolver, @escaping @Sendable (NameResolver.Answer) -> Void) throws
            -> NameResolver.Lookup
    ) async throws -> [[UInt8]] {
        let answer = Answer(on: loop)
        let resolver = loop.resolver
        let lookup = try begin(resolver) { result in
            loop.postUnlessEnded { answer.come(result) }
        }
        let alarm = answer.alarm
        loop.schedule(alarm, at: deadline)
        defer {
            loop.cancel(alarm)
            resolver.cancel(lookup)
        }
        try await loop.waitOrThrow(for: alarm.waiter, "look up")
        switch answer.result {
        case nil:
            throw IOError(.timedOut, "look up", on: subject, reason: "no answer in time")
        case .failure(let error):
            throw IOError(nil, "look up", on: subject, error)
        case .success(let found):
            return found
        }
    }

    private static func decode(_ found: [[UInt8]], for endpoint: Endpoint) throws -> [SocketAddress]
    {
        var addresses: [SocketAddress] = []
        for bytes in found {
            // Read during the call, and checked against the length there.
            let address = unsafe bytes.withUnsafeBytes { unsafe SocketAddress(sockaddr: $0) }
            guard let address = address?.with(port: endpoint.port) else { continue }
            if !addresses.contains(address) { addresses.append(address) }
        }
        guard !addresses.isEmpty else {
            throw IOError(.unknownHost, "look up", on: endpoint.host, reason: "it has no address")
        }
        return addresses
    }

    /// Where the answer comes in, or the deadline.
    // Sendable: used on the loop's thread, to which the resolver's threads post.
    private final class Answer: @unchecked Sendable {
        let alarm: WaitTimer
        private let core: LoopCore
        private(set) var result: NameResolver.Answer?

        init(on core: LoopCore) {
            self.core = core
            alarm = WaitTimer(core: core)
        }

        func come(_ result: NameResolver.Answer) {
            self.result = result
            alarm.waiter.finish(.fired, on: core)
        }
    }
}
