/// Looking up a host's addresses, by the system's resolver, on threads of the loop's own.
enum NameLookup {
    /// The addresses of `endpoint`, in the order to try them. On the loop only.
    ///
    /// A look-up that has begun cannot be broken off: a cancelled or late one is left to end by itself.
    static func addresses(
        of endpoint: Endpoint, on loop: LoopCore, deadline: UInt64
    ) async throws -> [SocketAddress] {
        if let host = SocketAddress.Host(parsing: endpoint.host) {
            return [SocketAddress(host: host, port: endpoint.port)]
        }
        let answer = Answer(on: loop)
        let resolver = loop.resolver
        let lookup = try resolver.lookUp(endpoint.host, threadName: "\(loop.name)-names") {
            result in
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
            throw IOError(.timedOut, "look up", on: endpoint.host, reason: "no answer in time")
        case .failure(let error):
            throw IOError(nil, "look up", on: endpoint.host, error)
        case .success(let found):
            return try decode(found, for: endpoint)
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
