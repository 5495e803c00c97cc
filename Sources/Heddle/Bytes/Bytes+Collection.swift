internal import Glibc

/// Indices run from 0 to `count`, also in a slice: a slice is `Bytes` with its own zero.
extension Bytes: RandomAccessCollection {
    /// A slice is `Bytes` itself.
    public typealias SubSequence = Bytes

    /// 0, also in a slice.
    @inlinable
    public var startIndex: Int { 0 }

    /// The number of bytes.
    @inlinable
    public var endIndex: Int { count }

    /// The byte at `position`; traps outside `0 ..< count`.
    @inlinable
    public subscript(position: Int) -> UInt8 {
        precondition(position >= 0 && position < count, "byte index out of range")
        // Just checked against the slice, which lies inside its slab.
        return unsafe slab.unsafelyUnwrapped.base.load(
            fromByteOffset: Int(start) + position, as: UInt8.self)
    }

    /// The bytes in `bounds` without a copy; traps outside `0 ... count`.
    public subscript(bounds: Range<Int>) -> Bytes {
        precondition(
            bounds.lowerBound >= 0 && bounds.upperBound <= count, "byte range out of range")
        return slice(from: bounds.lowerBound, count: bounds.count)
    }

    /// Lends the bytes to algorithms that can use contiguous memory, for example `Array.init`.
    @inlinable
    public func withContiguousStorageIfAvailable<R>(
        _ body: (UnsafeBufferPointer<UInt8>) throws -> R
    ) rethrows -> R? {
        try unsafe withUnsafeBytes { buffer in
            unsafe try body(buffer.assumingMemoryBound(to: UInt8.self))
        }
    }

    // What the standard library asks of collections that find elements faster than one after the other.

    // swift-format-ignore: NoLeadingUnderscores
    /// Looks for a byte with memchr(3), for `firstIndex(of:)`.
    public func _customIndexOfEquatableElement(_ byte: UInt8) -> Int?? {
        unsafe withUnsafeBytes { bytes -> Int?? in
            guard let base = bytes.baseAddress else { return .some(nil) }
            let found = unsafe memchr(base, Int32(byte), bytes.count)
            return .some(unsafe found.map { unsafe UnsafeRawPointer($0) - base })
        }
    }

    // swift-format-ignore: NoLeadingUnderscores
    /// The same, for `contains`.
    public func _customContainsEquatableElement(_ byte: UInt8) -> Bool? {
        firstIndex(of: byte) != nil
    }
}

extension Bytes: Hashable {
    /// Whether both have the same bytes, wherever those lie.
    public static func == (left: Bytes, right: Bytes) -> Bool {
        guard left.count == right.count else { return false }
        return unsafe left.withUnsafeBytes { left in
            unsafe right.withUnsafeBytes { right in
                // Of no bytes there is no place either.
                unsafe left.count == 0
                    || memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0
            }
        }
    }

    /// Hashes the bytes, and how many they are: so that of several values in a row each has its own.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(count)
        unsafe withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
}

extension Bytes: ExpressibleByStringLiteral, ExpressibleByArrayLiteral, CustomStringConvertible {
    /// The UTF-8 bytes of the literal.
    public init(stringLiteral value: String) {
        self.init(value)
    }

    /// The bytes of the literal.
    public init(arrayLiteral elements: UInt8...) {
        self.init(elements)
    }

    /// The number of bytes, and the text itself where it is short and printable ASCII.
    public var description: String {
        let isShortText = count <= 64 && allSatisfy { $0 >= 0x20 && $0 < 0x7F }
        return isShortText ? "Bytes(\(String(self)))" : "\(count) bytes"
    }
}

extension String {
    /// The text of UTF-8 bytes; anything that is not UTF-8 becomes U+FFFD.
    public init(_ bytes: Bytes) {
        self.init(decoding: bytes, as: UTF8.self)
    }
}
