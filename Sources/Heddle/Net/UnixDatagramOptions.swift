public import SystemPackage

/// How a datagram socket of the Unix family behaves; see unix(7).
public struct UnixDatagramOptions: Sendable, Hashable {
    /// The longest datagram a socket can be asked to take, 4 MiB.
    public static let longestDatagramBytes = 4 * 1024 * 1024

    /// Bytes kept of a datagram that comes; of a longer one the rest is lost, and it is marked as truncated. By
    /// default 212,992: more than a sender has whose send buffer is the system's default.
    public var maximumDatagramBytes = 212_992

    /// Bytes received and not taken, at which the socket is no longer read; it is again when half of them are
    /// left. Each datagram counts 64 bytes more. What comes meanwhile waits in the kernel, which holds
    /// /proc/sys/net/unix/max_dgram_qlen datagrams (10 mostly) and has further senders wait. Up to one batch of
    /// 64 datagrams and 4 MiB may be held beyond this.
    public var receiveQueueBytes = 256 * 1024

    /// File descriptors that may have come and not been taken, at which the socket is no longer read until half
    /// of them are; 0 takes none: the kernel then closes those that come. One datagram, with at most 253
    /// descriptors, may be held beyond this. Those that nobody takes are closed with the socket.
    public var maximumUnclaimedDescriptors = 0

    /// Whether each datagram tells who sent it, as the kernel vouches for (SO_PASSCRED).
    public var receivesCredentials = false

    /// The kernel's send buffer in bytes (SO_SNDBUF, which Linux doubles, and bounds by
    /// /proc/sys/net/core/wmem_max). It bounds what was sent and not received yet, and so one datagram too; nil
    /// for the system's default.
    public var sendBufferBytes: Int?

    /// Whether a socket that is given no address of its own gets an abstract name that the system chooses
    /// (autobind), to which answers can come. Without one its datagrams come from nobody.
    public var choosesName = true

    /// The permissions of the path a socket is bound to, exactly, whatever the process's umask is; to send there
    /// one needs the right to write. By default only processes of the same user have that. nil leaves them to the
    /// umask. An abstract name has none.
    public var permissions: FilePermissions? = [.ownerReadWrite]

    /// Whether a socket that is found at the path, and that no process has open, is removed: what a program left
    /// behind that was killed. Nothing else is ever removed.
    public var replacesStaleSocket = true

    /// The defaults, for changing what should differ.
    public init() {}

    func validate() throws {
        try BoundPath.validate(permissions)
        let bounds = [
            ("maximumDatagramBytes", maximumDatagramBytes, 1...Self.longestDatagramBytes),
            ("receiveQueueBytes", receiveQueueBytes, 1...(1 << 30)),
            ("maximumUnclaimedDescriptors", maximumUnclaimedDescriptors, 0...(1 << 16)),
            ("sendBufferBytes", sendBufferBytes ?? 1, 1...(1 << 30)),
        ]
        for (name, value, range) in bounds where !range.contains(value) {
            throw TCPOptions.invalid(
                name, "\(value)", "not between \(range.lowerBound) and \(range.upperBound)")
        }
    }
}
