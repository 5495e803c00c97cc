// Unsafe: offsets come from `find`, which keeps them within the memory it is shown, during the calls.
/// Makes frames of bytes, however those were cut on their way: a state machine without I/O. A value of whoever
/// reads, such as a ``StreamHandler``; used by one task at a time.
///
/// Feed it what came, in order: ``next(from:)`` takes ``Bytes`` and gives slices of them, ``decode(_:_:)`` takes the span
/// that a handler is given. Only a frame that does not lie whole in one piece is copied. Between calls the decoder holds
/// the beginning of one frame at most: less than twice the bytes of it that have come.
///
/// Once it has thrown, it throws the same for ever: where a frame ends is then unknown.
public struct FrameDecoder: Sendable {
    /// How the bytes are cut into frames.
    public let framing: Framing
    var begun = FrameBuffer()
    /// The bytes of the current frame's length that have come, the first one most significant.
    var prefix: UInt64 = 0
    var prefixCount = 0
    /// The length of the current frame, once its prefix has come.
    var length = 0
    private(set) var fault: FrameFault?

    /// A decoder at the beginning of the bytes.
    public init(_ framing: Framing) {
        self.framing = framing
        length = framing.kind == .fixed ? framing.maximumBytes : 0
    }

    /// The bytes of a begun frame that are held, for those that come next.
    public var heldByteCount: Int { begun.count + prefixCount }

    /// The next frame, taken from the front of `input`; nil when `input` is used up and more must come. The frame
    /// shares the memory of `input` if it lay whole in it.
    ///
    /// - Throws: ``IOError`` with ``IOError/Code/limitExceeded`` for a frame beyond the bound;
    ///   ``IOError/Code/malformed`` for a length that cannot be.
    public mutating func next(from input: inout Bytes) throws(IOError) -> Bytes? {
        do throws(FrameFault) {
            return try takeFrame(from: &input)
        } catch {
            throw error.error(of: framing.kind, from: nil)
        }
    }

    /// Calls `body` with each frame that `bytes` complete, in order, and keeps what is left for the next call. The
    /// frame given is valid during the call: a part of `bytes` if it lay whole in it.
    ///
    /// `body` must not use this decoder, not even to look at it.
    ///
    /// - Throws: as ``next(from:)``, and what `body` throws; the frames behind it are lost then, so that the
    ///   decoder throws ``IOError/Code/closed`` from then on.
    public mutating func decode(_ bytes: RawSpan, _ body: (RawSpan) throws -> Void) throws {
        try unsafe bytes.withUnsafeBytes { memory in
            var rest = unsafe memory
            while let found = try unsafe findOrThrow(in: rest) {
                do {
                    try unsafe body(RawSpan(_unsafeBytes: memoryOf(found, in: rest)))
                } catch {
                    fail(.abandoned)
                    throw error
                }
                if found.isBegun { begun.removeAll() }
                unsafe rest = UnsafeRawBufferPointer(rebasing: rest[found.end...])
            }
        }
    }

    /// Ends the input: the last line if it lacks its end, nil if the input ended where a frame did. The decoder
    /// is at the beginning again then.
    ///
    /// - Throws: ``IOError`` with ``IOError/Code/unexpectedEnd`` if the input ended in the middle of a frame; as
    ///   ``next(from:)``.
    public mutating func finish() throws(IOError) -> Bytes? {
        do throws(FrameFault) {
            return try takeLast()
        } catch {
            throw error.error(of: framing.kind, from: nil)
        }
    }

    // MARK: Inside

    /// As `next`, for callers that know where the bytes came from.
    @inline(__always)
    mutating func takeFrame(from input: inout Bytes) throws(FrameFault) -> Bytes? {
        guard let found = try unsafe find(in: input.unsafeMemory) else {
            input = Bytes()
            return nil
        }
        let frame =
            found.isBegun
            ? begun.take(found.count) : input.slice(from: found.start, count: found.count)
        input = input.slice(from: found.end, count: input.count - found.end)
        return frame
    }

    mutating func takeLast() throws(FrameFault) -> Bytes? {
        if let fault { throw fault }
        guard heldByteCount > 0 else { return nil }
        switch framing.kind {
        case .lines where begun.count <= framing.maximumBytes: return begun.take(begun.count)
        case .lines: throw fail(.tooLong(maximum: framing.maximumBytes))
        case .delimited: throw fail(.ended(after: begun.count, of: nil))
        case .lengthPrefixed where prefixCount < framing.prefixBytes:
            throw fail(.endedInPrefix(after: prefixCount, of: framing.prefixBytes))
        case .lengthPrefixed, .fixed: throw fail(.ended(after: begun.count, of: length))
        }
    }

    /// All bytes of the begun frame, as they came; the decoder is at the beginning of that frame again.
    mutating func takeHeld() -> [Bytes] {
        let told = (0..<prefixCount).reversed().map {
            UInt8(truncatingIfNeeded: prefix >> (8 * UInt64($0)))
        }
        prefixCount = 0
        prefix = 0
        return [Bytes(told), begun.take(begun.count)].filter { !$0.isEmpty }
    }

    /// Cuts what follows in another way. Between two frames only.
    mutating func change(to framing: Framing) {
        let fault = fault
        self = FrameDecoder(framing)
        self.fault = fault
    }

    @discardableResult
    mutating func fail(_ reason: FrameFault) -> FrameFault {
        fault = reason
        begun = FrameBuffer()
        prefixCount = 0
        return reason
    }

    @inline(__always)
    private mutating func findOrThrow(in input: UnsafeRawBufferPointer) throws -> Found? {
        do throws(FrameFault) {
            return try unsafe find(in: input)
        } catch {
            throw error.error(of: framing.kind, from: nil)
        }
    }

    private func memoryOf(_ found: Found, in input: UnsafeRawBufferPointer)
        -> UnsafeRawBufferPointer
    {
        let range = found.start..<(found.start + found.count)
        return unsafe UnsafeRawBufferPointer(
            rebasing: found.isBegun ? begun.memory[range] : input[range])
    }
}
