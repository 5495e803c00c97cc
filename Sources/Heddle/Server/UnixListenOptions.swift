public import SystemPackage

/// How a server listens on a Unix-domain socket, accepts, and bounds its connections.
public struct UnixListenOptions: Sendable, Hashable {
    /// How accepted connections are spread over a runtime's loops. One loop accepts them all: the kernel does not
    /// spread these over several sockets.
    public enum Balance: String, Sendable, Hashable, CaseIterable {
        /// The loop with the fewest connections gets each.
        case leastConnections = "least-connections"
        /// The loops get connections in turn.
        case roundRobin = "round-robin"
    }

    /// How connections are spread over the loops.
    public var balance = Balance.leastConnections

    /// Connections the kernel holds ready before others must wait; at most
    /// /proc/sys/net/core/somaxconn (listen(2)).
    public var backlog = 1024

    /// Open connections per loop; at the limit nothing is accepted until one closes.
    public var maximumConnectionsPerLoop = 100_000

    /// The permissions of the path, exactly, whatever the process's umask is; to connect one needs the right to
    /// write. By default only processes of the same user have that. nil leaves them to the umask. They are set
    /// before anybody can connect. An abstract name has none.
    public var permissions: FilePermissions? = [.ownerReadWrite]

    /// Whether a socket that is found at the path, and that nobody listens on, is removed: what a server left
    /// behind that was killed. Nothing else is ever removed.
    public var replacesStaleSocket = true

    /// How the accepted connections behave.
    public var connection = UnixOptions()

    /// The defaults, for changing what should differ.
    public init() {}

    func validate() throws {
        try connection.validate()
        try ListenOptions.checkLimits(
            backlog: backlog, connectionsPerLoop: maximumConnectionsPerLoop)
        try BoundPath.validate(permissions)
    }

    /// What the accepted streams have in common.
    func settings(of address: UnixAddress) -> StreamSettings {
        connection.settings(peer: "a client of \(address)")
    }
}
