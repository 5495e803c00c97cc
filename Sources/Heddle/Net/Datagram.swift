/// One datagram: its bytes, and the address it came from or goes to.
///
/// What a socket received can be sent back as it is.
public struct Datagram: Sendable, Hashable {
    /// The bytes; there may be none.
    public var bytes: Bytes
    /// The sender's address, or the destination's. nil goes to where the socket is connected.
    public var remoteAddress: SocketAddress?
    /// Whether the datagram was longer than ``UDPOptions/maximumDatagramBytes``: the rest of it is lost.
    public internal(set) var isTruncated = false

    /// A datagram to send to `address`; nil is for a connected socket.
    public init(_ bytes: Bytes, to address: SocketAddress? = nil) {
        self.bytes = bytes
        remoteAddress = address
    }

    /// A datagram that came.
    @inline(__always)
    init(_ bytes: Bytes, from address: SocketAddress?, isTruncated: Bool) {
        self.bytes = bytes
        remoteAddress = address
        self.isTruncated = isTruncated
    }
}
