// Sendable: a slab's bytes are written before a slice covers them, and never while one does.
/// An immutable, reference-counted slice of memory: what reads hand out and writes take.
///
/// Copying and slicing cost a reference count, never a copy of the bytes. A value may be used on any
/// thread. It keeps the whole block it lies in alive (up to 256 KiB, shared with its neighbours): to
/// keep a few bytes for long, keep ``compacted()`` instead.
public struct Bytes: @unchecked Sendable {
    @usableFromInline let slab: Slab?
    @usableFromInline let start: UInt32
    @usableFromInline let length: UInt32

    @usableFromInline
    init(slab: Slab?, start: Int, count: Int) {
        self.slab = slab
        self.start = UInt32(truncatingIfNeeded: start)
        self.length = UInt32(truncatingIfNeeded: count)
    }

    /// No bytes.
    public init() {
        self.init(slab: nil, start: 0, count: 0)
    }

    /// A copy of `bytes`, in memory of its own.
    public init(copying bytes: RawSpan) {
        precondition(bytes.byteCount <= Int(Int32.max), "Bytes holds less than 2 GiB")
        guard bytes.byteCount > 0 else {
            self.init()
            return
        }
        let slab = Slab.make(capacity: bytes.byteCount)
        // The slab was just made with room for exactly these bytes.
        unsafe bytes.withUnsafeBytes { source in
            unsafe slab.base.copyMemory(from: source.baseAddress!, byteCount: source.count)
        }
        self.init(slab: slab, start: 0, count: bytes.byteCount)
    }

    /// A copy of a sequence of bytes, for example an array.
    public init(_ bytes: some Sequence<UInt8>) {
        // The bytes of an array of bytes are all initialized.
        unsafe self.init(copying: ContiguousArray(bytes).span.bytes)
    }

    /// The UTF-8 bytes of a string.
    public init(_ string: String) {
        var string = string
        self = string.withUTF8 { utf8 in
            // The span is used only while the string lends its storage.
            unsafe Bytes(copying: RawSpan(_unsafeBytes: UnsafeRawBufferPointer(utf8)))
        }
    }

    /// The bytes of several pieces in one.
    public init(joining pieces: [Bytes]) {
        guard pieces.count != 1 else {
            self = pieces[0]
            return
        }
        let count = pieces.reduce(0) { $0 + $1.count }
        precondition(count <= Int(Int32.max), "Bytes holds less than 2 GiB")
        let slab = Slab.make(capacity: Swift.max(1, count))
        var used = 0
        for piece in pieces where piece.count > 0 {
            // The slab was made with room for all pieces.
            unsafe piece.withUnsafeBytes { source in
                unsafe (slab.base + used).copyMemory(
                    from: source.baseAddress!, byteCount: source.count)
            }
            used += piece.count
        }
        self.init(slab: count == 0 ? nil : slab, start: 0, count: count)
    }

    /// How many bytes there are.
    @inlinable
    public var count: Int { Int(length) }

    /// The bytes as a span, valid while this value is.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            guard let slab else { return RawSpan() }
            let base = unsafe UnsafeRawPointer(slab.base + Int(start))
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
            // `self` holds the slab for as long as the span is borrowed from it.
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Calls `body` with the bytes as contiguous memory, valid only during the call.
    @inlinable
    public func withUnsafeBytes<R, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        guard let slab else { return try unsafe body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let buffer = unsafe UnsafeRawBufferPointer(start: slab.base + Int(start), count: count)
        // The slab is held until the body has returned.
        defer { withExtendedLifetime(slab) {} }
        return try unsafe body(buffer)
    }

    /// The bytes as memory that is there while the caller holds this value, which it must see to.
    @inline(__always)
    var unsafeMemory: UnsafeRawBufferPointer {
        guard let slab else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe UnsafeRawBufferPointer(start: slab.base + Int(start), count: count)
    }

    /// The same bytes in memory of just their size.
    public func compacted() -> Bytes {
        guard let slab, slab.header != count else { return self }
        return Bytes(copying: bytes)
    }

    /// The slice of `count` bytes that begins `offset` bytes from the start, sharing the memory.
    func slice(from offset: Int, count: Int) -> Bytes {
        Bytes(slab: count == 0 ? nil : slab, start: Int(start) + offset, count: count)
    }

    /// The first `count` bytes, removed from this value.
    mutating func takeFirst(_ count: Int) -> Bytes {
        let head = slice(from: 0, count: count)
        self = slice(from: count, count: self.count - count)
        return head
    }

    /// This slice and the next one as one, if that lies right behind it in the same memory.
    @inline(__always)
    func joined(with next: Bytes) -> Bytes? {
        guard slab === next.slab, start + length == next.start else { return nil }
        return Bytes(slab: slab, start: Int(start), count: count + next.count)
    }
}
