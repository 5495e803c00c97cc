/// How a TCP connection behaves; see tcp(7) and socket(7).
public struct TCPOptions: Sendable, Hashable {
    /// Sends small segments at once (TCP_NODELAY). Heddle gathers the writes of a tick itself, so
    /// waiting for the peer's acknowledgement besides would only add delay.
    public var noDelay = true

    /// Idle time after which the system probes whether the peer is still there; nil for never.
    /// Whole seconds, at least one.
    public var keepAlive: Duration?

    /// The kernel's receive buffer in bytes (SO_RCVBUF, which Linux doubles); nil lets it tune it.
    public var receiveBufferBytes: Int?

    /// The kernel's send buffer in bytes (SO_SNDBUF, which Linux doubles); nil lets it tune it.
    public var sendBufferBytes: Int?

    /// The bounds of the stream's own buffers.
    public var limits = StreamLimits()

    /// The defaults, for changing what should differ.
    public init() {}

    func validate() throws {
        try limits.validate()
        if let keepAlive, keepAlive < .seconds(1) || keepAlive > .seconds(32_767) {
            throw Self.invalid("keepAlive", keepAlive.text, "not between 1 s and 32767 s")
        }
        for (name, bytes) in [
            ("receiveBufferBytes", receiveBufferBytes), ("sendBufferBytes", sendBufferBytes),
        ] {
            if let bytes, bytes < 1 || bytes > 1 << 30 {
                throw Self.invalid(name, "\(bytes)", "not between 1 and 1073741824")
            }
        }
    }

    static func invalid(_ option: String, _ value: String, _ reason: String) -> IOError {
        IOError(.invalidArgument, "set \(option)", on: value, reason: reason)
    }
}
