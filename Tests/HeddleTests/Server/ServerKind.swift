import Glibc
import Testing

@testable import Heddle

/// A kind of server of streams, and how it spreads its connections: what holds for one holds for each.
struct ServerKind: Sendable, Hashable, CustomTestStringConvertible {
    enum Family: String, Sendable {
        case tcp = "TCP"
        case unix = "a Unix socket"
    }

    let family: Family
    let balance: ListenOptions.Balance

    var testDescription: String { "\(family.rawValue), \(balance.rawValue)" }

    static let tcp = ServerKind(family: .tcp, balance: .reusePort)
    static let unix = ServerKind(family: .unix, balance: .leastConnections)

    /// One of each family, with its default balance.
    static let all = [tcp, unix]

    /// Each family with each way to spread that it has.
    static let balanced =
        ListenOptions.Balance.allCases.map { ServerKind(family: .tcp, balance: $0) }
        + [unix, ServerKind(family: .unix, balance: .roundRobin)]

    /// The same family with another balance, where it has that.
    func balancing(_ balance: ListenOptions.Balance) -> ServerKind {
        ServerKind(family: family, balance: balance)
    }

    /// What its error hook calls a client of this process.
    var peerHere: String { family == .tcp ? "127.0.0.1" : "process \(getpid())" }

    /// Listens at an address of its own, with what `options` say that both kinds have.
    func listen(
        on runtime: Runtime, options: ListenOptions = ListenOptions()
    ) async throws -> TestServer {
        var options = options
        options.balance = balance
        switch family {
        case .tcp:
            return .tcp(try await runtime.listen(on: .loopback(port: 0), options: options))
        case .unix:
            var unix = UnixListenOptions()
            unix.balance = balance == .roundRobin ? .roundRobin : .leastConnections
            unix.backlog = options.backlog
            unix.maximumConnectionsPerLoop = options.maximumConnectionsPerLoop
            unix.connection.limits = options.connection.limits
            return .unix(try await runtime.listen(on: .forTest(), options: unix))
        }
    }
}
