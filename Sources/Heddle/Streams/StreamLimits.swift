/// The bounds of one stream's buffers, in bytes, and of its patience when closing.
public struct StreamLimits: Sendable, Hashable {
    /// Reading pauses while this many bytes wait to be read, and goes on below half of it. What the
    /// peer sends meanwhile waits in the kernel, and then at the peer.
    public var unreadHighWater = 256 * 1024

    /// A write waits while this many bytes wait to be sent. At most one write's bytes more are held.
    public var unsentHighWater = 256 * 1024

    /// Waiting writes go on when no more than this many bytes wait to be sent.
    public var unsentLowWater = 64 * 1024

    /// How long a close waits for the peer to take what was written; then the connection is reset.
    public var closeTimeout: Duration = .seconds(30)

    /// The defaults, for changing what should differ.
    public init() {}

    private static let largestMark = 1 << 30

    /// Throws unless the marks are in order.
    func validate() throws {
        let marks = "unread \(unreadHighWater), unsent \(unsentHighWater), low \(unsentLowWater)"
        guard unreadHighWater > 0, unsentHighWater > 0, unsentLowWater >= 0,
            unsentHighWater > unsentLowWater, closeTimeout > .zero,
            max(unreadHighWater, unsentHighWater) <= Self.largestMark
        else {
            throw IOError(
                .invalidArgument, "set stream limits", on: marks,
                reason:
                    "limits must be more than zero, marks at most 1 GiB, and the low mark below the high one"
            )
        }
    }
}
