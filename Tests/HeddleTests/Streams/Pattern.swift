import Glibc
import Testing

@testable import Heddle

/// An endless, recognisable sequence of bytes: the sender takes it, the receiver compares. Any byte
/// lost, doubled or out of place shows at once.
struct Pattern: Sendable {
    /// A prime, so that no buffer's size is a multiple of the period.
    static let period = 65_521
    /// The period twice, so that any piece up to the period's size lies in one place.
    private static let block: [UInt8] = {
        var random = Seed(number: 1).generator
        let period = (0..<Self.period).map { _ in UInt8.random(in: 0...255, using: &random) }
        return period + period
    }()
    private static let bytes = Bytes(block)

    /// How many bytes were taken or compared so far.
    private(set) var position = 0

    /// The next `count` bytes, at most a period of them.
    mutating func next(_ count: Int) -> Bytes {
        let start = position % Self.period
        position += count
        return Self.bytes[start..<start + count]
    }

    /// The same as an array, of any size.
    mutating func array(_ count: Int) -> [UInt8] {
        var found: [UInt8] = []
        found.reserveCapacity(count)
        while found.count < count {
            let start = position % Self.period
            let size = min(Self.period, count - found.count)
            found += Self.block[start..<start + size]
            position += size
        }
        return found
    }

    /// Whether `found` is what comes next.
    mutating func matches(_ found: Bytes) -> Bool {
        var offset = 0
        while offset < found.count {
            let count = min(Self.period, found.count - offset)
            let expected = next(count)
            if !found[offset..<offset + count].isSame(as: expected) { return false }
            offset += count
        }
        return true
    }

    mutating func matches(_ found: [UInt8]) -> Bool {
        matches(Bytes(found))
    }
}

extension Bytes {
    /// As `==`, which takes its time over each byte in a debug build.
    func isSame(as other: Bytes) -> Bool {
        guard count == other.count else { return false }
        return withUnsafeBytes { left in
            other.withUnsafeBytes { right in
                count == 0 || memcmp(left.baseAddress!, right.baseAddress!, count) == 0
            }
        }
    }
}

extension TCPConnection {
    /// Runs `body` on the connection's loop: for what a test wants to see of the inside.
    func inside<T: Sendable>(_ body: @Sendable @escaping (StreamCore) throws -> T) async throws -> T
    {
        let stream = stream
        if stream.loop.isCurrent { return try body(stream) }
        return try await stream.loop.hop { try body(stream) }
    }

    /// Waits until the inside of the stream is as `condition` says. The kernel announces some of what
    /// tests wait for to nobody but the loop, so this looks once per millisecond of the loop's clock.
    func until(
        _ what: String = "the stream's state", limit: Duration = .seconds(10),
        _ condition: @Sendable @escaping (StreamCore) -> Bool
    ) async throws {
        let core = stream.loop
        let stream = stream
        let clock = core.eventLoop!.clock
        try await waiting(for: limit, what) {
            while !(try await core.hop { condition(stream) }) {
                try await clock.sleep(for: .milliseconds(1))
            }
        }
    }

    /// Reads to the end of the input and compares with the pattern; how many bytes came.
    func expectPatternToEnd(_ pattern: Pattern = Pattern()) async throws -> Int {
        var pattern = pattern
        let start = pattern.position
        while let bytes = try await read() {
            if !pattern.matches(bytes) { throw PatternBroken(near: pattern.position) }
        }
        return pattern.position - start
    }

    /// Writes `count` bytes of the pattern in pieces of random sizes up to `largest`.
    func writePattern(_ count: Int, largest: Int = Pattern.period, seed: Seed = Seed(number: 7))
        async throws
    {
        var random = seed.generator
        var pattern = Pattern()
        while pattern.position < count {
            let size = Int.random(in: 1...min(largest, Pattern.period), using: &random)
            try await write(pattern.next(min(size, count - pattern.position)))
        }
    }
}

struct PatternBroken: Error {
    let near: Int
}
