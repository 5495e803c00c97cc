/// What a server of connections has done so far. Bytes are those of closed connections.
public struct ServerStatistics: Sendable, Hashable {
    /// Connections accepted since the server began.
    public let acceptedConnections: Int
    /// Connections whose handler has not ended yet.
    public let openConnections: Int
    /// What the error hook was told, whether there is one or not.
    public let errors: Int
    /// Bytes the kernel took on connections that have closed.
    public let bytesSent: UInt64
}
