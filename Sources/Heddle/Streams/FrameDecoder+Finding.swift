internal import Glibc

/// Where frames end. Memory is looked at once, but for as many bytes as a delimiter has.
// Unsafe: every offset is compared with the count of the memory it is used on.
extension FrameDecoder {
    /// A frame, and where the input goes on.
    struct Found {
        /// Where the content lies: in the input, or in `begun` from its start.
        var start = 0
        let count: Int
        /// Where the next frame begins in the input.
        let end: Int
        var isBegun = false
    }

    /// The next frame in `input`, which goes on where the last left off. If there is none, the decoder has taken
    /// over all of `input`.
    @inline(__always)
    mutating func find(in input: UnsafeRawBufferPointer) throws(FrameFault) -> Found? {
        if let fault { throw fault }
        switch framing.kind {
        case .lines where begun.count == 0: return try unsafe findWholeLine(in: input)
        case .lines, .delimited: return try unsafe findDelimited(in: input)
        case .lengthPrefixed, .fixed: return try unsafe findCounted(in: input)
        }
    }

    // MARK: Lines and delimiters

    /// The usual line, by the shortest way.
    @inline(__always)
    private mutating func findWholeLine(
        in input: UnsafeRawBufferPointer
    ) throws(FrameFault) -> Found? {
        guard let start = input.baseAddress else { return nil }
        // A line, its CR and its LF.
        let window = min(input.count, framing.maximumBytes + 2)
        guard let end = unsafe memchr(start, Int32(UInt8(ascii: "\n")), window) else {
            try unsafe keep(input, unless: window == framing.maximumBytes + 2)
            return nil
        }
        let count = unsafe start.distance(to: UnsafeRawPointer(end))
        return try unsafe found(input, count, end: count + 1)
    }

    /// A frame of the input alone, of which `count` bytes lie before the delimiter.
    @inline(__always)
    private mutating func found(
        _ memory: UnsafeRawBufferPointer, _ count: Int, end: Int, isBegun: Bool = false
    ) throws(FrameFault) -> Found {
        var content = count
        if framing.kind == .lines, count > 0, unsafe memory[count - 1] == UInt8(ascii: "\r") {
            content -= 1
        }
        guard content <= framing.maximumBytes else {
            throw fail(.tooLong(maximum: framing.maximumBytes))
        }
        return Found(count: content, end: end, isBegun: isBegun)
    }

    private mutating func findDelimited(
        in input: UnsafeRawBufferPointer
    ) throws(FrameFault) -> Found? {
        let width = framing.delimiter.count
        let old = begun.count
        if old > 0, width > 1, let end = unsafe findAcross(input, old: old) {
            return try unsafe found(begun.memory, old + end - width, end: end, isBegun: true)
        }
        // The longest frame with its end; a line may have a CR before that.
        let longest = framing.maximumBytes + width + (framing.kind == .lines ? 1 : 0)
        let window = min(input.count, longest - old)
        let searched = unsafe UnsafeRawBufferPointer(rebasing: input[..<window])
        guard let index = unsafe framing.delimiter.firstOffset(in: searched) else {
            try unsafe keep(input, unless: old + window == longest)
            return nil
        }
        if old == 0 { return try unsafe found(input, index, end: index + width) }
        unsafe begun.append(UnsafeRawBufferPointer(rebasing: input[..<index]), limit: longest)
        return try unsafe found(begun.memory, old + index, end: index + width, isBegun: true)
    }

    /// Where in the input a delimiter ends that begins in the bytes before it; those hold none as a whole.
    private mutating func findAcross(_ input: UnsafeRawBufferPointer, old: Int) -> Int? {
        let width = framing.delimiter.count
        let head = unsafe UnsafeRawBufferPointer(rebasing: input[..<min(width - 1, input.count)])
        let tail = max(0, old - width + 1)
        unsafe begun.append(head, limit: .max)
        let joined = unsafe UnsafeRawBufferPointer(rebasing: begun.memory[tail...])
        let offset = unsafe framing.delimiter.firstOffset(in: joined)
        begun.truncate(to: old)
        return offset.map { tail + $0 + width - old }
    }

    /// Takes over an input without an end in it.
    private mutating func keep(
        _ input: UnsafeRawBufferPointer, unless isTooLong: Bool
    ) throws(FrameFault) {
        if isTooLong { throw fail(.tooLong(maximum: framing.maximumBytes)) }
        unsafe begun.append(input, limit: .max)
    }

    // MARK: Lengths

    @inline(__always)
    private mutating func findCounted(in input: UnsafeRawBufferPointer) throws(FrameFault) -> Found?
    {
        var used = 0
        if prefixCount < framing.prefixBytes {
            while prefixCount < framing.prefixBytes, used < input.count {
                prefix = prefix << 8 | UInt64(unsafe input[used])
                prefixCount += 1
                used += 1
            }
            if prefixCount < framing.prefixBytes { return nil }
            length = try checkedLength()
        }
        let old = begun.count
        let taken = min(length - old, input.count - used)
        if old + taken == length {
            prefixCount = 0
            prefix = 0
            if old == 0 { return Found(start: used, count: length, end: used + length) }
        }
        let piece = unsafe UnsafeRawBufferPointer(rebasing: input[used..<(used + taken)])
        unsafe begun.append(piece, limit: length)
        if begun.count < length { return nil }
        return Found(count: length, end: used + taken, isBegun: true)
    }

    /// The length of the content that the prefix tells.
    @inline(__always)
    private mutating func checkedLength() throws(FrameFault) -> Int {
        let width = framing.prefixBytes
        var told = prefix
        if framing.byteOrder == .littleEndian { told = told.byteSwapped >> (64 - 8 * width) }
        let own = framing.isPrefixCounted ? UInt64(width) : 0
        guard told >= own else { throw fail(.lengthTooSmall(told, prefix: width)) }
        guard told - own <= UInt64(framing.maximumBytes) else {
            throw fail(.lengthTooLarge(told - own, maximum: framing.maximumBytes))
        }
        return Int(told - own)
    }
}

extension Bytes {
    /// Where these bytes, of which there is at least one, occur first in `memory`.
    func firstOffset(in memory: UnsafeRawBufferPointer) -> Int? {
        guard let start = memory.baseAddress, memory.count >= count else { return nil }
        let pattern = unsafe unsafeMemory
        let last = memory.count - count
        let first = Int32(unsafe pattern[0])
        var offset = 0
        while offset <= last {
            // Both lie in memory that the callers hold, and `count` bytes follow each place looked at.
            guard let place = unsafe memchr(start + offset, first, last - offset + 1) else {
                return nil
            }
            if unsafe memcmp(place, pattern.baseAddress.unsafelyUnwrapped, count) == 0 {
                return unsafe start.distance(to: UnsafeRawPointer(place))
            }
            unsafe offset = start.distance(to: UnsafeRawPointer(place)) + 1
        }
        return nil
    }
}
