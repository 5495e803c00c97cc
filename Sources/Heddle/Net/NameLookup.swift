/// Looking up a host's addresses, by the system's resolver on libuv's worker pool, which all runtimes of
/// the process share.
enum NameLookup {
    /// The addresses of `endpoint`, in the order to try them. On the loop only.
    ///
    /// A look-up that has begun cannot be broken off: a cancelled or late one is left to end by itself,
    /// and the loop waits for that before it closes.
    static func addresses(
        of endpoint: Endpoint, on loop: LoopCore, deadline: UInt64
    ) async throws -> [SocketAddress] {
        if let host = SocketAddress.Host(parsing: endpoint.host) {
            return [SocketAddress(host: host, port: endpoint.port)]
        }
        let answer = Answer()
        let alarm = WaitTimer(core: loop)
        let request: UVGetAddrInfo
        do {
            request = try UVGetAddrInfo(loop: loop.uv, host: endpoint.host) { result in
                answer.result = result
                alarm.waiter.finish(.fired, on: loop)
            }
        } catch {
            throw IOError(nil, "look up", on: endpoint.host, error)
        }
        loop.schedule(alarm, at: deadline)
        defer {
            loop.cancel(alarm)
            request.cancel()
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

    /// Where the loop's callback leaves its result.
    private final class Answer {
        var result: Result<[[UInt8]], UVError>?
    }
}
