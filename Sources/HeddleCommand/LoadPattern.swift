import Glibc
import Heddle

/// The bytes a load sends, which depend on the connection and on how far it has come: a reply that is
/// lost, doubled, moved or meant for another connection differs from what is expected.
struct LoadPattern: Sendable {
    /// The pattern repeats after this many bytes: a prime, so that no usual message size divides it.
    private static let period = 65_521
    /// How far apart the beginnings of neighbouring connections are in the pattern.
    private static let connectionStride = 7_919
    /// The least number of bytes one slice may have.
    private static let minimumSlice = 64 * 1024

    private let bytes: Bytes
    /// The most bytes `slice` gives.
    let maximumSlice: Int

    init(size: Int) {
        maximumSlice = max(size, Self.minimumSlice)
        let count = Self.period + maximumSlice
        var bytes = [UInt8]()
        bytes.reserveCapacity(count)
        // xorshift32: bytes without a visible order, the same in every run.
        var state: UInt32 = 0x9E37_79B9
        for _ in 0..<Self.period {
            state ^= state << 13
            state ^= state >> 17
            state ^= state << 5
            bytes.append(UInt8(truncatingIfNeeded: state >> 16))
        }
        while bytes.count < count {
            bytes.append(contentsOf: bytes.prefix(min(Self.period, count - bytes.count)))
        }
        // The bytes of an array of bytes are all initialized.
        unsafe self.bytes = Bytes(copying: bytes.span.bytes)
    }

    /// What a connection sends from `offset` on, without a copy.
    func slice(of connection: Int, from offset: Int, count: Int) -> Bytes {
        let start = phase(of: connection, at: offset)
        return bytes[start..<start + count]
    }

    /// The place of the first byte that is not what the connection sent from `offset` on.
    func firstDifference(in received: Bytes, of connection: Int, from offset: Int) -> Int? {
        var checked = 0
        while checked < received.count {
            let start = phase(of: connection, at: offset + checked)
            let count = min(received.count - checked, bytes.count - start)
            // Both ranges lie inside their bytes, which live through the call.
            let isEqual = unsafe received.withUnsafeBytes { left in
                unsafe bytes.withUnsafeBytes { right in
                    unsafe memcmp(left.baseAddress! + checked, right.baseAddress! + start, count)
                        == 0
                }
            }
            if !isEqual {
                let first = (0..<count).first { received[checked + $0] != bytes[start + $0] }
                return checked + (first ?? 0)
            }
            checked += count
        }
        return nil
    }

    /// Where the message with a number stands, among others of one size: at an offset without its whole rounds.
    func offset(of number: UInt64, size: Int) -> Int {
        Int(number % UInt64(Self.period)) * size
    }

    /// The byte a connection sent at `offset`.
    func byte(of connection: Int, at offset: Int) -> UInt8 {
        bytes[phase(of: connection, at: offset)]
    }

    private func phase(of connection: Int, at offset: Int) -> Int {
        (offset + connection * Self.connectionStride) % Self.period
    }
}
