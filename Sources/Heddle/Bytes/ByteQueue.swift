/// Slices in the order they came, such as unread or unsent bytes. The first lies in line, so that the
/// usual queue of one costs no memory; slices that are neighbours in memory become one.
struct ByteQueue {
    private var first = Bytes()
    private var rest: [Bytes] = []
    // Half-words: every connection has two of these queues, which hold a mark of at most 1 GiB and one
    // write of less than 2 GiB.
    private var restStart32: UInt32 = 0
    private var byteCount32: UInt32 = 0

    private var restStart: Int {
        @inline(__always) get { Int(restStart32) }
        @inline(__always) set { restStart32 = UInt32(truncatingIfNeeded: newValue) }
    }

    /// The bytes in all slices together.
    private(set) var byteCount: Int {
        @inline(__always) get { Int(byteCount32) }
        @inline(__always) set { byteCount32 = UInt32(truncatingIfNeeded: newValue) }
    }

    @inline(__always)
    var isEmpty: Bool { byteCount == 0 }

    /// Whether the queue, which is not empty, is one slice.
    @inline(__always)
    var isSingle: Bool { restStart == rest.count }

    /// The slices in the queue.
    var sliceCount: Int {
        isEmpty ? 0 : 1 + rest.count - restStart
    }

    @inline(__always)
    mutating func append(_ bytes: Bytes) {
        if byteCount == 0 {
            first = bytes
        } else {
            appendBehind(bytes)
        }
        byteCount &+= bytes.count
    }

    /// The first slice, removed. The queue must not be empty.
    @inline(__always)
    mutating func removeFirst() -> Bytes {
        let bytes = first
        byteCount &-= bytes.count
        first = Bytes()
        if restStart < rest.count { advance() }
        return bytes
    }

    /// Removes the first `count` bytes, wherever their slices end.
    mutating func removeBytes(_ count: Int) {
        var left = count
        while left > 0, left >= first.count { left -= removeFirst().count }
        if left > 0 {
            _ = first.takeFirst(left)
            byteCount -= left
        }
    }

    /// The first slice cut to at most `limit` bytes, removed; the remainder stays first.
    mutating func removeFirst(upTo limit: Int) -> Bytes {
        guard first.count > limit else { return removeFirst() }
        byteCount -= limit
        return first.takeFirst(limit)
    }

    mutating func removeAll() {
        self = ByteQueue()
    }

    /// The slice at `index`, from 0 to `sliceCount`.
    @inline(__always)
    subscript(index: Int) -> Bytes {
        index == 0 ? first : rest[restStart + index - 1]
    }

    private mutating func appendBehind(_ bytes: Bytes) {
        if restStart == rest.count {
            if let joined = first.joined(with: bytes) {
                first = joined
                return
            }
        } else if let joined = rest[rest.count - 1].joined(with: bytes) {
            rest[rest.count - 1] = joined
            return
        }
        rest.append(bytes)
    }

    private mutating func advance() {
        first = rest[restStart]
        rest[restStart] = Bytes()
        restStart += 1
        if restStart == rest.count {
            rest.removeAll(keepingCapacity: rest.count <= 64)
            restStart = 0
        } else if restStart >= 64, restStart * 2 >= rest.count {
            // Drop the used front now and then, so that a queue never empty stays as long as its content.
            rest.removeFirst(restStart)
            restStart = 0
        }
    }
}
