/// The beginning of a frame whose end has not come. Owned by one decoder.
///
/// It grows as bytes come, to less than twice as many, whatever length was announced, and gives its memory away with
/// the frame.
// Sendable: the slab is written only while this value alone refers to it.
// Unsafe: the places written and read lie within the slab's capacity, which `reserve` has seen to.
struct FrameBuffer: @unchecked Sendable {
    private static let leastCapacity = 64
    /// Memory kept for the next frame where a frame was only lent.
    private static let keptCapacity = 4096

    private var slab: Slab?
    private(set) var count = 0

    /// The bytes there is memory for.
    var capacity: Int { slab?.header ?? 0 }

    /// The bytes, valid until the buffer changes.
    var memory: UnsafeRawBufferPointer {
        guard let slab else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe UnsafeRawBufferPointer(start: slab.base, count: count)
    }

    /// - Parameter limit: more bytes than this will not be there at once, if that is known.
    mutating func append(_ bytes: UnsafeRawBufferPointer, limit: Int) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(count + bytes.count, limit: limit)
        unsafe (slab.unsafelyUnwrapped.base + count)
            .copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    /// Drops all but the first `newCount` bytes.
    mutating func truncate(to newCount: Int) {
        count = newCount
    }

    /// The first `frameCount` bytes with their memory; the buffer is empty then.
    mutating func take(_ frameCount: Int) -> Bytes {
        let frame = Bytes(slab: frameCount == 0 ? nil : slab, start: 0, count: frameCount)
        slab = nil
        count = 0
        return frame
    }

    /// Empties the buffer.
    mutating func removeAll() {
        count = 0
        if let slab, slab.header > Self.keptCapacity { self.slab = nil }
    }

    private mutating func reserve(_ needed: Int, limit: Int) {
        if needed <= capacity, isKnownUniquelyReferenced(&slab) { return }
        let doubled = min(max(Self.leastCapacity, 2 * count), limit)
        let grown = Slab.make(capacity: max(needed, doubled))
        if let slab, count > 0 {
            unsafe grown.base.copyMemory(from: slab.base, byteCount: count)
        }
        slab = grown
    }
}
