internal import Glibc

/// File descriptors that came over a stream and that nobody has taken, each with its place among the bytes. Owns
/// them; used on the stream's loop.
struct UnclaimedDescriptors {
    private struct Arrival {
        /// How many bytes had come before those it came with.
        let position: UInt64
        let descriptors: [Int32]
        /// Whether the message had more than this process could have.
        let areLost: Bool

        /// What it counts for: a loss is remembered until it was told, and that takes room too.
        var count: Int { areLost ? 1 : descriptors.count }
    }

    private var arrivals: [Arrival] = []
    /// How many there are, and how many losses to tell of.
    private(set) var count = 0
    /// How many bytes have come so far.
    var position: UInt64 = 0
    /// Whether reading rests until some are taken.
    var isFull = false

    /// Takes over what came with the next bytes. Of a message that is not whole nothing is kept.
    mutating func add(_ descriptors: [Int32], areLost: Bool) {
        if areLost { Self.close(descriptors) }
        arrivals.append(
            Arrival(
                position: position, descriptors: areLost ? [] : descriptors, areLost: areLost))
        count += arrivals[arrivals.count - 1].count
    }

    /// Gives away what came with the first `end` bytes; nil, once, where something was lost.
    mutating func take(before end: UInt64) -> [Int32]? {
        var taken: [Int32] = []
        var used = 0
        defer { arrivals.removeFirst(used) }
        for arrival in arrivals where arrival.position < end {
            if arrival.areLost, !taken.isEmpty { break }
            used += 1
            count -= arrival.count
            if arrival.areLost { return nil }
            taken += arrival.descriptors
        }
        return taken
    }

    mutating func closeAll() {
        for arrival in arrivals { Self.close(arrival.descriptors) }
        arrivals = []
        count = 0
    }

    private static func close(_ descriptors: [Int32]) {
        for descriptor in descriptors { Glibc.close(descriptor) }
    }
}
