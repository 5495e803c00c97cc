import Testing

@testable import Heddle

/// What a decoder should say to an input, worked out in the plainest way from all of it at once.
struct FrameReference: Equatable {
    static let framings: [Framing] = [
        .lines(maximumBytes: 40), .delimited(by: "|", maximumBytes: 40),
        .delimited(by: "\r\n", maximumBytes: 40), .delimited(by: "aab", maximumBytes: 40),
        .delimited(by: "aaa", maximumBytes: 40),
        .lengthPrefixed(UInt8.self, maximumBytes: 40),
        .lengthPrefixed(UInt16.self, countsPrefix: true, maximumBytes: 40),
        .lengthPrefixed(UInt32.self, byteOrder: .littleEndian, maximumBytes: 40),
        .lengthPrefixed(UInt64.self, maximumBytes: 40),
        .lengthPrefixed(
            UInt64.self, byteOrder: .littleEndian, countsPrefix: true, maximumBytes: 40),
        .fixed(1), .fixed(7),
    ]

    var frames: [[UInt8]] = []
    /// What was thrown in the end; nil if the input ended where a frame did.
    var failure: IOError.Code?

    init() {}

    init(_ framing: Framing, _ input: [UInt8]) {
        var rest = input[...]
        switch framing.kind {
        case .lines, .delimited:
            while takeDelimited(framing, &rest) {}
        case .lengthPrefixed, .fixed:
            while takeCounted(framing, &rest) {}
        }
    }

    private mutating func takeDelimited(_ framing: Framing, _ rest: inout ArraySlice<UInt8>) -> Bool
    {
        let delimiter = Array(framing.delimiter)
        let areLines = framing.kind == .lines
        let longest = framing.maximumBytes + delimiter.count + (areLines ? 1 : 0)
        let window = Array(rest.prefix(longest))
        let end = window.indices.first { window[$0...].starts(with: delimiter) }
        var frame = end.map { Array(window[..<$0]) } ?? window
        if let end {
            rest = rest.dropFirst(end + delimiter.count)
            if areLines, frame.last == 13 { frame.removeLast() }
        } else if !areLines, window.count < longest {
            failure = window.isEmpty ? nil : .unexpectedEnd
            return false
        } else if window.isEmpty {
            return false
        }
        guard frame.count <= framing.maximumBytes else {
            failure = .limitExceeded
            return false
        }
        frames.append(frame)
        return end != nil
    }

    private mutating func takeCounted(_ framing: Framing, _ rest: inout ArraySlice<UInt8>) -> Bool {
        if rest.isEmpty { return false }
        let width = framing.prefixBytes
        guard rest.count >= width else {
            failure = .unexpectedEnd
            return false
        }
        var length = UInt64(framing.maximumBytes)
        if width > 0 {
            let told = Array(rest.prefix(width))
            let ordered = framing.byteOrder == .bigEndian ? told : told.reversed()
            length = ordered.reduce(0) { $0 << 8 | UInt64($1) }
            if framing.isPrefixCounted {
                guard length >= width else {
                    failure = .malformed
                    return false
                }
                length -= UInt64(width)
            }
        }
        if length > framing.maximumBytes { failure = .limitExceeded }
        if failure == nil, rest.count - width < Int(length) { failure = .unexpectedEnd }
        guard failure == nil else { return false }
        frames.append(Array(rest.dropFirst(width).prefix(Int(length))))
        rest = rest.dropFirst(width + Int(length))
        return true
    }
}

/// The two ways to feed a decoder, with the same outcome.
extension FrameReference {
    /// What `next(from:)` and `finish()` give for `pieces`. Expects that no more is held than allowed.
    static func fromBytes(_ framing: Framing, _ pieces: [[UInt8]]) -> FrameReference {
        var result = FrameReference()
        var decoder = FrameDecoder(framing)
        var heldMost = 0
        do throws(IOError) {
            for piece in pieces {
                var input = Bytes(piece)
                while let frame = try decoder.next(from: &input) {
                    result.frames.append(Array(frame))
                }
                heldMost = max(heldMost, decoder.heldByteCount)
            }
            if let last = try decoder.finish() { result.frames.append(Array(last)) }
        } catch {
            result.failure = error.code
        }
        let bound = framing.maximumBytes + framing.delimiter.count + framing.prefixBytes
        expect(heldMost <= bound, true)
        return result
    }

    /// The same by `decode`.
    static func fromSpans(_ framing: Framing, _ pieces: [[UInt8]]) -> FrameReference {
        var result = FrameReference()
        var decoder = FrameDecoder(framing)
        do {
            for piece in pieces {
                try decoder.decode(piece.span.bytes) { frame in
                    result.frames.append(Array(Bytes(copying: frame)))
                }
            }
            if let last = try decoder.finish() { result.frames.append(Array(last)) }
        } catch {
            result.failure = (error as? IOError)?.code
        }
        return result
    }
}
