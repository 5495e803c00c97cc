import Heddle
import Testing

/// Knows the hosts of a table, and asks the system for others.
struct TableResolver: HostResolver {
    let hosts: [String: [SocketAddress]]

    func addresses(of host: String, on loop: EventLoop) async throws -> [SocketAddress] {
        if let known = hosts[host] { return known }
        return try await SystemHostResolver().addresses(of: host, on: loop)
    }
}

extension DocumentationTests {
    @Test func `names: a resolver of one's own`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            let listener = try await runtime.listen(on: .loopback(port: 0))
            let port = Int(listener.localAddress.port)

            let resolver = TableResolver(hosts: ["service.internal": [.loopback(port: 0)]])
            let connection = try await TCPConnection.connect(
                to: Endpoint(host: "service.internal", port: port), on: loop,
                timeout: .seconds(5), resolver: resolver)

            #expect(connection.remoteAddress == listener.localAddress)
            connection.reset()
            // What the table has not, the system is asked for.
            let local = try await TCPConnection.connect(
                to: Endpoint(host: "localhost", port: port), on: loop, timeout: .seconds(5),
                resolver: resolver)
            local.reset()
            try await listener.stop(within: .zero)
        }
    }
}
