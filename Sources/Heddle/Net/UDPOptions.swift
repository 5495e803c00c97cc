/// How a UDP socket behaves; see udp(7), ip(7), ipv6(7) and socket(7).
public struct UDPOptions: Sendable, Hashable {
    /// The longest datagram there is, 65,527 bytes.
    public static let longestDatagramBytes = ReceivedMessages.maximumBytes

    /// Bytes kept of a datagram that comes; of a longer one the rest is lost, and it is marked as truncated.
    /// By default none is.
    public var maximumDatagramBytes = UDPOptions.longestDatagramBytes

    /// Bytes received and not taken, at which the socket is no longer read; it is again when half of them are
    /// left. Each datagram counts 64 bytes more. What comes meanwhile waits in the kernel's buffer, and what
    /// does not fit there is dropped and counted (``DatagramStatistics/dropped``). Up to one batch of 64
    /// datagrams may be held beyond this.
    public var receiveQueueBytes = 256 * 1024

    /// The kernel's receive buffer in bytes (SO_RCVBUF, which Linux doubles, and bounds by
    /// /proc/sys/net/core/rmem_max); nil for the system's default. A short datagram takes some 700 bytes of
    /// it.
    public var receiveBufferBytes: Int?

    /// The kernel's send buffer in bytes (SO_SNDBUF, which Linux doubles); nil for the system's default.
    public var sendBufferBytes: Int?

    /// Whether an IPv6 socket takes no IPv4 datagrams (IPV6_V6ONLY).
    public var ipv6Only = false

    /// Whether other sockets that say so too may be bound to the same address (SO_REUSEADDR): what
    /// several receivers of one multicast group need. Of other datagrams each goes to one of them.
    public var sharesAddress = false

    /// Whether datagrams may go to broadcast addresses (SO_BROADCAST).
    public var allowsBroadcast = false

    /// Routers a datagram may pass, from 1 to 255; nil for the system's default.
    public var timeToLive: Int?

    /// Routers a multicast datagram may pass, from 0 (it stays on this machine) to 255; nil for the
    /// system's default, 1: the local network.
    public var multicastTimeToLive: Int?

    /// Whether multicast datagrams sent here also come to members of the group on this machine. (On
    /// Linux the sender's setting counts.)
    public var multicastLoopback = true

    /// The name of the interface that multicast datagrams leave by, for example `eth0`; nil has the
    /// system's routes decide.
    public var multicastInterface: String?

    /// Whether a socket that is not connected hears of datagrams that could not be delivered (IP_RECVERR):
    /// receiving then throws an ``IOError`` that names the address, and goes on when called again. A
    /// connected socket always does.
    public var reportsUnreachable = false

    /// Whether datagrams of one size that are sent together to one address pass through the kernel as one
    /// message, which it, or the network card, cuts up at the end (UDP_SEGMENT). Has no effect where the
    /// kernel cannot.
    public var usesSegmentation = true

    /// The defaults, for changing what should differ.
    public init() {}

    func validate() throws {
        let bounds: [(String, Int?, ClosedRange<Int>)] = [
            ("maximumDatagramBytes", maximumDatagramBytes, 1...Self.longestDatagramBytes),
            ("receiveQueueBytes", receiveQueueBytes, 1...(1 << 30)),
            ("receiveBufferBytes", receiveBufferBytes, 1...(1 << 30)),
            ("sendBufferBytes", sendBufferBytes, 1...(1 << 30)),
            ("timeToLive", timeToLive, 1...255),
            ("multicastTimeToLive", multicastTimeToLive, 0...255),
        ]
        for (name, value, range) in bounds {
            guard let value, !range.contains(value) else { continue }
            throw IOError(
                .invalidArgument, "set \(name)", on: "\(value)",
                reason: "not between \(range.lowerBound) and \(range.upperBound)")
        }
    }
}
