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
            if found[offset..<offset + count] != expected { return false }
            offset += count
        }
        return true
    }

    mutating func matches(_ found: [UInt8]) -> Bool {
        matches(Bytes(found))
    }
}

extension ByteStream {
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
