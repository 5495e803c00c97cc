import Testing

@testable import Heddle

/// What the tests look at inside a stream, in one place.
extension StreamCore {
    var waitingWriters: [Waiter] { waits?.writers ?? [] }
    var waitingFlushers: [FlushWaiter] { waits?.flushers ?? [] }
    var waitingClosers: [Waiter] { waits?.closers ?? [] }
    var stagedBytes: Int { handling?.takeUnretainedValue().stagedCount ?? 0 }
}

extension ByteStream {
    /// Lets the loop poll once: what the kernel has for it is delivered.
    func turnOfLoop() async throws {
        try await core.loop.eventLoop?.clock.sleep(for: .milliseconds(1))
    }

    /// Runs `body` on the connection's loop: for what a test wants to see of the inside.
    func inside<T: Sendable>(_ body: @Sendable @escaping (StreamCore) throws -> T) async throws -> T
    {
        let stream = core
        if stream.loop.isCurrent { return try body(stream) }
        return try await core.loop.hop { try body(stream) }
    }

    /// Waits until the inside of the stream is as `condition` says. The kernel announces some of what
    /// tests wait for to nobody but the loop, so this looks once per millisecond of the loop's clock.
    func until(
        _ what: String = "the stream's state", limit: Duration = .seconds(10),
        _ condition: @Sendable @escaping (StreamCore) -> Bool
    ) async throws {
        let loop = core.loop
        let stream = core
        let clock = loop.eventLoop!.clock
        try await waiting(for: limit, what) {
            while !(try await loop.hop { condition(stream) }) {
                try await clock.sleep(for: .milliseconds(1))
            }
        }
    }
}
