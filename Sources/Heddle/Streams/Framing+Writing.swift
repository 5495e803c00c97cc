internal import Glibc

/// What goes on the wire for a frame.
// Unsafe: memory that is filled has room for `wireCount` bytes; spans are used during the calls.
extension Framing {
    /// Frames up to this many bytes are copied next to what marks their bounds: it costs less than a slice of their
    /// own does.
    static let copiedBytes = 1024

    /// What goes on the wire for `frame`: itself, not copied, and what marks its bounds.
    ///
    /// - Throws: ``IOError`` with ``IOError/Code/limitExceeded`` if `frame` is longer than the bound or than its
    ///   length can say; ``IOError/Code/invalidArgument`` if it would not be read as it is: it contains its
    ///   delimiter, is a line that ends in CR, or is not of the fixed size.
    public func pieces(of frame: Bytes) throws(IOError) -> [Bytes] {
        try check(frame.bytes, for: nil)
        return piecesUnchecked(of: frame)
    }

    func piecesUnchecked(of frame: Bytes) -> [Bytes] {
        let prefix = withPrefix(for: frame.count) { Bytes(copying: $0) }
        return [prefix, frame, delimiter].filter { !$0.isEmpty }
    }

    /// Lends the bytes of the length of a frame, or none.
    @inline(__always)
    func withPrefix<R>(for count: Int, _ body: (RawSpan) -> R) -> R {
        let told = UInt64(count + (isPrefixCounted ? prefixBytes : 0))
        let ordered =
            byteOrder == .littleEndian || prefixBytes == 0
            ? told.littleEndian : (told << UInt64(64 - 8 * prefixBytes)).bigEndian
        return unsafe withUnsafeBytes(of: ordered) { memory in
            // A length has at most the 8 bytes of this number, and lies in its first ones.
            unsafe body(RawSpan(_unsafeStart: memory.baseAddress!, byteCount: prefixBytes))
        }
    }

    /// How many bytes go on the wire for a frame of `count` bytes.
    @inline(__always)
    func wireCount(of count: Int) -> Int { prefixBytes + count + delimiter.count }

    /// Puts what goes on the wire for `frame` into `memory`, which has room for it.
    @inline(__always)
    func put(_ frame: RawSpan, into memory: UnsafeMutableRawPointer) {
        var end = unsafe memory
        if prefixBytes > 0 {
            withPrefix(for: frame.byteCount) { unsafe Self.append($0, at: &end) }
        }
        unsafe Self.append(frame, at: &end)
        if kind == .lines {
            unsafe end.storeBytes(of: UInt8(ascii: "\n"), as: UInt8.self)
        } else {
            unsafe Self.append(delimiter.bytes, at: &end)
        }
    }

    @inline(__always)
    private static func append(_ bytes: RawSpan, at end: inout UnsafeMutableRawPointer) {
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe end.copyMemory(from: start, byteCount: source.count)
            unsafe end += source.count
        }
    }

    /// Throws unless `frame` will be read as it is.
    ///
    /// - Parameter subject: where it was to be written.
    @inline(__always)
    func check(_ frame: RawSpan, for subject: @autoclosure () -> String?) throws(IOError) {
        if kind == .lines, frame.byteCount <= maximumBytes, !containsLineEnd(frame) { return }
        try checkSlowly(frame, for: subject())
    }

    @inline(never)
    private func checkSlowly(
        _ frame: RawSpan, for subject: @autoclosure () -> String?
    ) throws(IOError) {
        guard let (code, reason) = refusal(of: frame) else { return }
        let subject = subject()
        let noun = kind == .lines ? "line" : "frame"
        let operation = subject == nil ? "encode a \(noun)" : "write a \(noun) to"
        throw IOError(code, operation, on: subject, reason: reason)
    }

    private func refusal(of frame: RawSpan) -> (IOError.Code, String)? {
        let count = frame.byteCount
        if kind == .fixed, count != maximumBytes {
            return (.invalidArgument, "\(count) bytes, and a frame has \(maximumBytes)")
        }
        let bound = min(maximumBytes, largestTold)
        if count > bound {
            return (.limitExceeded, "\(count) bytes, and at most \(bound) are taken")
        }
        if kind == .lines ? !containsLineEnd(frame) : !containsDelimiter(frame) { return nil }
        return (.invalidArgument, "it contains what ends a \(kind == .lines ? "line" : "frame")")
    }

    /// The longest frame whose length the prefix can say.
    private var largestTold: Int {
        guard 1..<8 ~= prefixBytes else { return .max }
        return (1 << (8 * prefixBytes)) - 1 - (isPrefixCounted ? prefixBytes : 0)
    }

    /// Whether a line would end early, or lose its CR.
    @inline(__always)
    private func containsLineEnd(_ line: RawSpan) -> Bool {
        // Used during the call.
        unsafe line.withUnsafeBytes { memory in
            guard let start = memory.baseAddress, memory.count > 0 else { return false }
            return unsafe memory[memory.count - 1] == UInt8(ascii: "\r")
                || memchr(start, Int32(UInt8(ascii: "\n")), memory.count) != nil
        }
    }

    /// Whether a frame with its delimiter, if there is one, which follows it, would end before that.
    private func containsDelimiter(_ frame: RawSpan) -> Bool {
        guard delimiter.count > 0, frame.byteCount > 0 else { return false }
        // Used during the call.
        if unsafe frame.withUnsafeBytes({ unsafe delimiter.firstOffset(in: $0) }) != nil {
            return true
        }
        guard isDelimiterPeriodic else { return false }
        let tail = frame.extracting(last: min(frame.byteCount, delimiter.count - 1))
        let end = Bytes(joining: [Bytes(copying: tail), delimiter])
        let first = unsafe end.withUnsafeBytes { unsafe delimiter.firstOffset(in: $0) }
        return first != tail.byteCount
    }
}

extension SynchronousStream {
    /// Writes a copy of `frame` with what marks its bounds; otherwise as ``write(_:)-(RawSpan)``.
    ///
    /// - Throws: as ``Framing/pieces(of:)``; nothing is written then.
    public func write(frame: RawSpan, as framing: Framing) throws(IOError) {
        try framing.check(frame, for: core.subject)
        if core.gather(frame, as: framing) { return }
        framing.withPrefix(for: frame.byteCount) { if $0.byteCount > 0 { write($0) } }
        write(frame)
        if framing.delimiter.count > 0 { write(framing.delimiter.bytes) }
    }

    /// Writes `frame` with what marks its bounds, without copying it unless it is short; otherwise as
    /// ``write(_:)-(Bytes)``.
    ///
    /// - Throws: as ``Framing/pieces(of:)``; nothing is written then.
    public func write(frame: Bytes, as framing: Framing) throws(IOError) {
        guard frame.count > Framing.copiedBytes else {
            return try write(frame: frame.bytes, as: framing)
        }
        try framing.check(frame.bytes, for: core.subject)
        guard core.machine.canWrite else { return }
        core.sendGathered()
        core.enqueue(frame, as: framing)
        core.holdIfFull()
    }
}

extension StreamCore {
    /// Takes a frame and what marks its bounds as one; the caller has looked at the frame and at the marks.
    @inline(__always)
    final func enqueue(_ frame: Bytes, as framing: Framing) {
        guard frame.count <= Framing.copiedBytes else {
            return enqueueUncopied(frame, as: framing)
        }
        let count = framing.wireCount(of: frame.count)
        // `put` fills all of it.
        enqueue(unsafe pool.make(count) { unsafe framing.put(frame.bytes, into: $0) })
    }

    @inline(never)
    private final func enqueueUncopied(_ frame: Bytes, as framing: Framing) {
        framing.withPrefix(for: frame.count) { prefix in
            if prefix.byteCount > 0 { unsent.append(pool.copy(prefix)) }
        }
        unsent.append(frame)
        if framing.delimiter.count > 0 { unsent.append(pool.copy(framing.delimiter.bytes)) }
        sendSoon()
    }

    /// Takes a copy of a frame in the handler's turn; false if there is no room for it.
    @inline(__always)
    fileprivate final func gather(_ frame: RawSpan, as framing: Framing) -> Bool {
        guard isGathering, unsent.isEmpty, machine.canWrite else { return false }
        let count = framing.wireCount(of: frame.byteCount)
        // `put` fills all of it.
        return unsafe pool.gather(count) { unsafe framing.put(frame, into: $0) }
    }
}
