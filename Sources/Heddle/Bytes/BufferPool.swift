/// Where a loop's reads land, and where small writes are copied. Owned by one loop, which frees it; used
/// on its thread.
///
/// Memory is handed out front to back from the current slab. Once every slice of it is gone the slab
/// is used again from the front, so a steady exchange of short messages stays in a few warm pages and
/// allocates nothing. Slabs still held by slices are set aside and reused when they come free.
///
/// A plain pointer for the reason `TurnQueues` is one.
// Unsafe: `state` and what it points to live until `destroy`; `base` is the memory of `current`, which
// the state holds.
@safe struct BufferPool {
    /// The bytes in one slab: room for two of the largest reads, the first of which begins a page.
    static let slabBytes = 256 * 1024 + Stage.alignment
    /// The least one read has room for.
    static let readBytes = 64 * 1024
    /// The most one read may bring.
    static let largestReadBytes = 128 * 1024
    /// How far a slab is used before asking whether its slices are gone: asking costs, cold memory too.
    static let warmBytes = 16 * 1024
    /// Slabs set aside for reuse; further ones are left to their slices, which free them.
    static let maximumSpares = 16

    // Its pointers are used by the pool alone.
    @safe private struct State {
        var current: Slab
        var base: UnsafeMutableRawPointer
        /// Where the first page of the slab begins.
        var first: Int
        var used: Int
        var spares: [Slab] = []
        let gathering = UnsafeMutableRawPointer.allocate(byteCount: warmBytes, alignment: 16)
        var gathered = 0

        init() {
            current = Slab.make(capacity: slabBytes)
            unsafe base = current.base
            unsafe first = BufferPool.firstPage(from: base)
            used = first
        }

        mutating func use(_ slab: Slab) {
            current = slab
            unsafe base = slab.base
            unsafe first = BufferPool.firstPage(from: base)
            used = first
        }
    }

    private static func firstPage(from base: UnsafeMutableRawPointer) -> Int {
        let offset = Int(bitPattern: base) % Stage.alignment
        return offset == 0 ? 0 : Stage.alignment - offset
    }

    // Valid from `init` to `destroy`.
    private let state: UnsafeMutablePointer<State>

    init() {
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: State())
    }

    func destroy() {
        unsafe state.pointee.gathering.deallocate()
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// Memory for one read. The bytes that came are claimed by `take`, before anything else is asked.
    @inline(__always)
    func lend() -> UnsafeMutableRawBufferPointer {
        if unsafe state.pointee.used >= Self.warmBytes { recycle() }
        let used = unsafe state.pointee.used
        // `recycle` leaves at least `readBytes` behind `used`, and `current` keeps the memory.
        return unsafe UnsafeMutableRawBufferPointer(
            start: state.pointee.base + used,
            count: min(Self.largestReadBytes, Self.slabBytes - used))
    }

    /// The first `count` bytes of what was lent last.
    @inline(__always)
    func take(_ count: Int) -> Bytes {
        let start = unsafe state.pointee.used
        unsafe state.pointee.used = start &+ count
        return unsafe Bytes(slab: state.pointee.current, start: start, count: count)
    }

    /// A copy, in memory of its own, of the first `count` bytes of what was lent last.
    func takeCompacted(_ count: Int) -> Bytes {
        unsafe Bytes(slab: state.pointee.current, start: state.pointee.used, count: count)
            .compacted()
    }

    /// A copy of `bytes`: in the current slab if they are few, else in memory of their own.
    func copy(_ bytes: RawSpan) -> Bytes {
        let count = bytes.byteCount
        guard count > 0 else { return Bytes() }
        guard count <= Self.warmBytes else { return Bytes(copying: bytes) }
        return unsafe make(count) { target in
            unsafe bytes.withUnsafeBytes { source in
                unsafe target.copyMemory(from: source.baseAddress!, byteCount: count)
            }
        }
    }

    /// A slice of the current slab, of `count` bytes, at most `warmBytes`; `fill` writes every one of them.
    @inline(__always)
    func make(_ count: Int, _ fill: (UnsafeMutableRawPointer) -> Void) -> Bytes {
        // As much room as a read may take is left, and this is less.
        unsafe fill(lend().baseAddress!)
        return take(count)
    }

    // MARK: Gathering

    /// Copies `bytes` behind what was gathered since the last `takeGathered`; false if they do not fit.
    ///
    /// One stream gathers at a time, during its turn: that spares its small writes a slice each.
    @inline(__always)
    func gather(_ bytes: RawSpan) -> Bool {
        unsafe gather(bytes.byteCount) { target in
            unsafe bytes.withUnsafeBytes { source in
                guard let start = source.baseAddress else { return }
                unsafe target.copyMemory(from: start, byteCount: source.count)
            }
        }
    }

    /// Gathers `count` bytes, every one of which `fill` writes; false if they do not fit.
    @inline(__always)
    func gather(_ count: Int, _ fill: (UnsafeMutableRawPointer) -> Void) -> Bool {
        let start = unsafe state.pointee.gathered
        guard count <= Self.warmBytes &- start else { return false }
        unsafe state.pointee.gathered = start &+ count
        // Last, so that a copy is a jump.
        unsafe fill(state.pointee.gathering + start)
        return true
    }

    /// What was gathered, valid until something is gathered again; the next gathering starts anew.
    @inline(__always)
    func takeGathered() -> UnsafeRawBufferPointer {
        let count = unsafe state.pointee.gathered
        unsafe state.pointee.gathered = 0
        return unsafe UnsafeRawBufferPointer(start: state.pointee.gathering, count: count)
    }

    /// Starts the slab again if nobody holds a slice of it, or turns to another when it is nearly full.
    @inline(never)
    private func recycle() {
        if unsafe isKnownUniquelyReferenced(&state.pointee.current) {
            unsafe state.pointee.used = state.pointee.first
        } else if unsafe Self.slabBytes - state.pointee.used < Self.readBytes {
            unsafe Self.replaceCurrent(&state.pointee)
        }
    }

    private static func replaceCurrent(_ state: inout State) {
        let full = state.current
        let spares = state.spares.indices
        if let free = spares.first(where: { isKnownUniquelyReferenced(&state.spares[$0]) }) {
            state.use(state.spares[free])
            state.spares[free] = full
        } else {
            if state.spares.count < maximumSpares { state.spares.append(full) }
            state.use(Slab.make(capacity: slabBytes))
        }
    }
}
