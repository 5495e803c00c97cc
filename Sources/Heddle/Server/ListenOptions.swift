/// How a server listens, accepts and bounds its connections.
public struct ListenOptions: Sendable, Hashable {
    /// How accepted connections are spread over a runtime's loops.
    public enum Balance: String, Sendable, Hashable, CaseIterable {
        /// A listening socket for each loop: the kernel spreads (SO_REUSEPORT, socket(7)). The cheapest.
        case reusePort = "reuse-port"
        /// One loop accepts, and the loop with the fewest connections gets each.
        case leastConnections = "least-connections"
        /// One loop accepts, and the loops get connections in turn.
        case roundRobin = "round-robin"
    }

    /// How connections are spread over the loops.
    public var balance = Balance.reusePort

    /// Connections the kernel holds ready before it turns new ones away; at most
    /// /proc/sys/net/core/somaxconn (listen(2)).
    public var backlog = 1024

    /// Whether an IPv6 socket takes no IPv4 connections (IPV6_V6ONLY, ipv6(7)).
    public var ipv6Only = false

    /// Open connections per loop; at the limit nothing is accepted until one closes.
    public var maximumConnectionsPerLoop = 100_000

    /// How the accepted connections behave.
    public var connection = TCPOptions()

    /// The defaults, for changing what should differ.
    public init() {}

    func validate() throws {
        try connection.validate()
        try Self.checkLimits(backlog: backlog, connectionsPerLoop: maximumConnectionsPerLoop)
    }

    /// The limits that every kind of listener has.
    static func checkLimits(backlog: Int, connectionsPerLoop: Int) throws {
        guard backlog > 0 else {
            throw TCPOptions.invalid("backlog", "\(backlog)", "must be more than zero")
        }
        guard connectionsPerLoop > 0 else {
            throw TCPOptions.invalid(
                "maximumConnectionsPerLoop", "\(connectionsPerLoop)", "must be more than zero")
        }
    }
}
