import Heddle

/// The datagrams that one socket of a load has in flight. Each of its places sends one after the other;
/// a datagram begins with a number that tells its place, and which one it is of that place.
struct LoadWindow {
    /// What a reply is, by its number.
    enum Reply {
        case inTime(place: Int, nanoseconds: UInt64)
        /// To a datagram that was taken for lost, or was answered before.
        case late
        /// To one that was never sent.
        case unknown
    }

    private struct Place {
        /// How many it has sent.
        var round: UInt64 = 0
        var sentAt: UInt64 = 0
        var isInFlight = false
    }

    /// The bytes a number takes where there is room for it.
    static let numberBytes = 8

    /// The most places that datagrams of `size` bytes can tell apart.
    static func maximumPlaces(size: Int) -> Int {
        1 << min(8 * size, 32)
    }

    private var places: [Place]
    private let placeBits: UInt64
    private let numberMask: UInt64
    private(set) var inFlight = 0

    init(places count: Int, size: Int) {
        places = [Place](repeating: Place(), count: count)
        placeBits = UInt64(Int.bitWidth - (count - 1).leadingZeroBitCount)
        numberMask = UInt64.max >> UInt64(64 - 8 * min(size, Self.numberBytes))
    }

    /// Sends the next datagram of a place that has none in flight; gives its number, of which a datagram
    /// has the lowest bytes.
    mutating func begin(_ place: Int, at now: UInt64) -> UInt64 {
        inFlight += 1
        places[place].round += 1
        places[place].sentAt = now
        places[place].isInFlight = true
        return number(of: place)
    }

    /// That of the datagram sent last: from 0 on.
    private func number(of place: Int) -> UInt64 {
        (places[place].round &- 1) << placeBits | UInt64(place)
    }

    /// A reply has come, with the lowest bytes of a number.
    mutating func reply(_ number: UInt64, at now: UInt64) -> Reply {
        let place = Int(number & ((1 << placeBits) - 1))
        guard place < places.count else { return .unknown }
        let sent = self.number(of: place)
        let roundsAgo = ((sent &- number) & numberMask) >> placeBits
        guard roundsAgo < places[place].round else { return .unknown }
        guard roundsAgo == 0, places[place].isInFlight else { return .late }
        places[place].isInFlight = false
        inFlight -= 1
        return .inTime(place: place, nanoseconds: now &- places[place].sentAt)
    }

    /// Takes those for lost that were sent before `time`; gives their places.
    mutating func giveUp(sentBefore time: UInt64) -> [Int] {
        let lost = places.indices.filter { places[$0].isInFlight && places[$0].sentAt < time }
        for place in lost { places[place].isInFlight = false }
        inFlight -= lost.count
        return lost
    }
}

/// The number at the beginning of a datagram: its lowest bytes come first, as many as there is room for.
extension LoadWindow {
    static func head(_ number: UInt64, size: Int) -> Bytes {
        // The number lives through the call, and the bytes are copied.
        unsafe withUnsafeBytes(of: number.littleEndian) {
            unsafe Bytes(
                copying: RawSpan(
                    _unsafeBytes: UnsafeRawBufferPointer(rebasing: $0.prefix(size))))
        }
    }

    static func number(in datagram: Bytes) -> UInt64 {
        var number: UInt64 = 0
        // Both are lent for the call, and the smaller one says how much is copied.
        unsafe datagram.withUnsafeBytes { bytes in
            unsafe withUnsafeMutableBytes(of: &number) {
                unsafe $0.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes.prefix($0.count)))
            }
        }
        return UInt64(littleEndian: number)
    }
}
