/// How a Unix-domain connection behaves; see unix(7) and socket(7).
public struct UnixOptions: Sendable, Hashable {
    /// The kernel's send buffer in bytes (SO_SNDBUF, which Linux doubles), which bounds what the peer has not
    /// read yet; nil for the system's default.
    public var sendBufferBytes: Int?

    /// File descriptors that may have come and not been taken, at which the stream is no longer read until some
    /// are; 0 takes none: the kernel then closes those that come. One message, of at most 253 descriptors, may be
    /// held beyond this. One whose descriptors were lost counts for one, until that was told.
    public var maximumUnclaimedDescriptors = 0

    /// The bounds of the stream's own buffers.
    public var limits = StreamLimits()

    /// The defaults, for changing what should differ.
    public init() {}

    func validate() throws {
        try limits.validate()
        if let bytes = sendBufferBytes, bytes < 1 || bytes > 1 << 30 {
            throw TCPOptions.invalid(
                "sendBufferBytes", "\(bytes)", "not between 1 and 1073741824")
        }
        let most = 1 << 16
        guard 0...most ~= maximumUnclaimedDescriptors else {
            throw TCPOptions.invalid(
                "maximumUnclaimedDescriptors", "\(maximumUnclaimedDescriptors)",
                "not between 0 and \(most)")
        }
    }

    /// What the streams of these options have in common.
    ///
    /// - Parameter peer: what errors call a peer without a name.
    func settings(peer: String) -> StreamSettings {
        StreamSettings(
            limits: limits, maximumUnclaimedDescriptors: maximumUnclaimedDescriptors, peer: peer)
    }
}
