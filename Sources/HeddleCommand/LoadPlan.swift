import Heddle

/// What a load is asked to do. Its bounds were checked where it came from.
struct LoadPlan: Sendable {
    /// The most bytes one connection may have in flight.
    static let maximumBytesInFlight = 1 << 30

    let target: Endpoint
    let connections: Int
    /// The bytes of one request, which come back as its reply.
    let size: Int
    /// Requests in flight per connection.
    let depth: Int
    let duration: Duration

    /// How its connections behave: everything in flight fits into the stream's buffers, so that a write
    /// never waits while replies wait to be read.
    var connectionOptions: TCPOptions {
        var options = TCPOptions()
        options.limits.unsentHighWater = max(options.limits.unsentHighWater, size * depth + 1)
        return options
    }
}
