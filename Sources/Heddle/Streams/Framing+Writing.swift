/// What goes on the wire for a frame.
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

    /// Throws unless `frame` will be read as it is.
    ///
    /// - Parameter subject: where it was to be written.
    func check(_ frame: RawSpan, for subject: @autoclosure () -> String?) throws(IOError) {
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
        guard delimiter.count > 0, count > 0, containsDelimiter(frame) else { return nil }
        return (.invalidArgument, "it contains what ends a \(kind == .lines ? "line" : "frame")")
    }

    /// The longest frame whose length the prefix can say.
    private var largestTold: Int {
        guard 1..<8 ~= prefixBytes else { return .max }
        return (1 << (8 * prefixBytes)) - 1 - (isPrefixCounted ? prefixBytes : 0)
    }

    /// Whether a frame with its delimiter, which follows it, would end before that.
    private func containsDelimiter(_ frame: RawSpan) -> Bool {
        let count = frame.byteCount
        // Used during the call.
        return unsafe frame.withUnsafeBytes { memory in
            if unsafe delimiter.firstOffset(in: memory) != nil { return true }
            if kind == .lines { return unsafe memory[count - 1] == UInt8(ascii: "\r") }
            guard isDelimiterPeriodic else { return false }
            let tail = frame.extracting(last: min(count, delimiter.count - 1))
            let end = Bytes(joining: [Bytes(copying: tail), delimiter])
            let first = unsafe end.withUnsafeBytes { unsafe delimiter.firstOffset(in: $0) }
            return first != tail.byteCount
        }
    }
}

extension SynchronousStream {
    /// Writes a copy of `frame` with what marks its bounds; otherwise as ``write(_:)-(RawSpan)``.
    ///
    /// - Throws: as ``Framing/pieces(of:)``; nothing is written then.
    public func write(frame: RawSpan, as framing: Framing) throws(IOError) {
        try framing.check(frame, for: core.subject)
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
    final func enqueue(_ frame: Bytes, as framing: Framing) {
        framing.withPrefix(for: frame.count) { prefix in
            if prefix.byteCount > 0 { unsent.append(pool.copy(prefix)) }
        }
        if frame.count > Framing.copiedBytes {
            unsent.append(frame)
        } else if frame.count > 0 {
            unsent.append(pool.copy(frame.bytes))
        }
        if framing.delimiter.count > 0 { unsent.append(pool.copy(framing.delimiter.bytes)) }
        if unsent.byteCount >= Self.straightOutBytes { send() } else { queues.cork(self) }
    }
}
