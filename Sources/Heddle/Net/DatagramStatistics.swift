/// What a datagram socket has done so far.
public struct DatagramStatistics: Sendable, Hashable {
    /// Datagrams received, those included that nobody has taken yet.
    public internal(set) var received = 0
    /// Bytes in them, as far as they were kept.
    public internal(set) var receivedBytes: UInt64 = 0
    /// Datagrams that were cut, of those received.
    public internal(set) var truncated = 0
    /// Datagrams the kernel dropped, mostly since its receive buffer was full. Sockets of the Unix family drop
    /// none: their senders wait.
    public internal(set) var dropped = 0
    /// Datagrams the kernel took.
    public internal(set) var sent = 0
    /// Bytes in them.
    public internal(set) var sentBytes: UInt64 = 0

    mutating func add(_ other: DatagramStatistics) {
        received += other.received
        receivedBytes += other.receivedBytes
        truncated += other.truncated
        dropped += other.dropped
        sent += other.sent
        sentBytes += other.sentBytes
    }
}
