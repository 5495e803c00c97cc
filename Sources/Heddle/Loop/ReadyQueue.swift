/// The items of one loop in the order they became ready: a ring that grows and never shrinks below
/// what it needed. Used on the loop's thread.
// Unsafe: the ring has `mask + 1` places, an index is masked before use, and the places from `head`
// to `tail` are the initialized ones.
@safe struct ReadyQueue: ~Copyable {
    private var ring: UnsafeMutablePointer<ReadyItem>
    private var mask: Int
    private var head = 0
    private var tail = 0

    init(capacity: Int = 64) {
        precondition(
            capacity > 0 && capacity & (capacity - 1) == 0, "the capacity is a power of two")
        unsafe ring = .allocate(capacity: capacity)
        mask = capacity - 1
    }

    deinit {
        unsafe ring.deallocate()
    }

    @inline(__always)
    var isEmpty: Bool { head == tail }

    var count: Int { tail &- head }

    /// How many items there is memory for.
    var capacity: Int { mask + 1 }

    @inline(__always)
    mutating func append(_ item: ReadyItem) {
        if tail &- head > mask { return appendGrowing(item) }
        // The mask keeps the index inside the ring.
        unsafe (ring + (tail & mask)).initialize(to: item)
        tail &+= 1
    }

    @inline(__always)
    mutating func popFirst() -> ReadyItem? {
        guard head != tail else { return nil }
        // Items are trivial values: moving out leaves nothing to release.
        let item = unsafe (ring + (head & mask)).move()
        head &+= 1
        return item
    }

    /// Last in its caller, which so keeps nothing for a call that hardly ever comes.
    @inline(never)
    private mutating func appendGrowing(_ item: ReadyItem) {
        grow()
        append(item)
    }

    private mutating func grow() {
        let old = unsafe ring
        let oldMask = mask
        mask = mask * 2 + 1
        unsafe ring = .allocate(capacity: mask + 1)
        for index in head..<tail {
            unsafe (ring + (index & mask)).initialize(to: old[index & oldMask])
        }
        unsafe old.deallocate()
    }
}
