/// Where a loop's reads land, and where small writes are copied. Owned by one loop, used on its thread.
///
/// Memory is handed out front to back from the current slab. Once every slice of it is gone the slab
/// is used again from the front, so a steady exchange of short messages stays in a few warm pages and
/// allocates nothing. Slabs still held by slices are set aside and reused when they come free.
@safe final class BufferPool {
    /// The bytes in one slab: room for four of the largest reads.
    static let slabBytes = 256 * 1024
    /// The most one read may bring.
    static let readBytes = 64 * 1024
    /// How far a slab is used before asking whether its slices are gone: asking costs, cold memory too.
    static let warmBytes = 16 * 1024
    /// Slabs set aside for reuse; further ones are left to their slices, which free them.
    static let maximumSpares = 16

    @safe @exclusivity(unchecked) private var current: Slab
    @safe @exclusivity(unchecked) private var base: UnsafeMutableRawPointer
    @safe @exclusivity(unchecked) private var used = 0
    private var spares: [Slab] = []

    init() {
        current = Slab.make(capacity: Self.slabBytes)
        unsafe base = current.base
    }

    /// Memory for one read. The bytes that came are claimed by `take`, before anything else is asked.
    @inline(__always)
    func lend() -> UnsafeMutableRawBufferPointer {
        if used >= Self.warmBytes { recycle() }
        // `recycle` leaves at least this much behind `used`, and `current` keeps the memory.
        return unsafe UnsafeMutableRawBufferPointer(start: base + used, count: Self.readBytes)
    }

    /// The first `count` bytes of what was lent last.
    @inline(__always)
    func take(_ count: Int) -> Bytes {
        let start = used
        used += count
        return Bytes(slab: current, start: start, count: count)
    }

    /// A copy, in memory of its own, of the first `count` bytes of what was lent last.
    func takeCompacted(_ count: Int) -> Bytes {
        Bytes(slab: current, start: used, count: count).compacted()
    }

    /// A copy of `bytes`: in the current slab if they are few, else in memory of their own.
    func copy(_ bytes: RawSpan) -> Bytes {
        let count = bytes.byteCount
        guard count > 0 else { return Bytes() }
        guard count <= Self.warmBytes else { return Bytes(copying: bytes) }
        // As much room as a read may take is left, and this is less.
        let target = unsafe lend()
        unsafe bytes.withUnsafeBytes { source in
            unsafe target.baseAddress!.copyMemory(from: source.baseAddress!, byteCount: count)
        }
        return take(count)
    }

    /// Starts the slab again if nobody holds a slice of it, or turns to another when it is nearly full.
    @inline(never)
    private func recycle() {
        if isKnownUniquelyReferenced(&current) {
            used = 0
        } else if Self.slabBytes - used < Self.readBytes {
            replaceCurrent()
        }
    }

    private func replaceCurrent() {
        let full = current
        if let free = spares.indices.first(where: { isKnownUniquelyReferenced(&spares[$0]) }) {
            current = spares[free]
            spares[free] = full
        } else {
            if spares.count < Self.maximumSpares { spares.append(full) }
            current = Slab.make(capacity: Self.slabBytes)
        }
        unsafe base = current.base
        used = 0
    }
}
