import Heddle

/// What a load is asked to do. Its bounds were checked where it came from.
struct LoadPlan: Sendable {
    /// The most bytes one connection may have in flight.
    static let maximumBytesInFlight = 1 << 30

    let target: LoadTarget
    let connections: Int
    /// The bytes of one request, which come back as its reply.
    let size: Int
    /// Requests in flight per connection.
    let depth: Int
    let duration: Duration
    /// How long a reply may take where it may be lost.
    var timeout: Duration = .seconds(1)

    /// How long after the end the last replies may take.
    var patience: Duration { target.isLossy ? .seconds(5) + timeout * 2 : .seconds(5) }

    /// How its connections behave: everything in flight fits into the stream's buffers, so that a write
    /// never waits while replies wait to be read.
    private var streamLimits: StreamLimits {
        var limits = StreamLimits()
        limits.unsentHighWater = max(limits.unsentHighWater, size * depth + 1)
        return limits
    }

    var connectionOptions: TCPOptions {
        var options = TCPOptions()
        options.limits = streamLimits
        return options
    }

    var unixOptions: UnixOptions {
        var options = UnixOptions()
        options.limits = streamLimits
        return options
    }

    /// How its datagram sockets behave: replies that are too long are seen as such, and all that is in flight
    /// may wait in the kernel, as far as the system allows.
    var datagramOptions: UDPOptions {
        var options = UDPOptions()
        options.maximumDatagramBytes = size
        options.receiveBufferBytes = min(
            max(Self.leastReceiveBuffer, depth * (size + Self.kernelBytesPerDatagram)), 1 << 30)
        return options
    }

    /// What Linux gives a socket by itself.
    private static let leastReceiveBuffer = 212_992
    /// What the kernel counts for a datagram beside its bytes, at most about.
    private static let kernelBytesPerDatagram = 768
}
