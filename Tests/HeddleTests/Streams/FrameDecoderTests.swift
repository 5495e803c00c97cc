import Testing

@testable import Heddle

extension HeddleTests {
    /// The decoders and encoders without I/O.
    @Suite struct FrameDecoderTests {
        @Test func `a frame that lies whole in one piece is a slice of it`() throws {
            for framing in FrameReference.framings {
                let frame = Bytes(
                    [UInt8](repeating: 7, count: framing.kind == .fixed ? framing.maximumBytes : 9))
                var input = Bytes(
                    joining: try framing.pieces(of: frame) + framing.pieces(of: frame))
                let memory = input.slab
                var decoder = FrameDecoder(framing)
                for _ in 0..<2 {
                    let found = try #require(try decoder.next(from: &input))
                    #expect(found == frame && found.slab === memory, "\(framing)")
                }
                #expect(try decoder.next(from: &input) == nil)
                #expect(try decoder.finish() == nil)
            }
        }

        @Test func `a frame whose length came before it is a slice too`() throws {
            var decoder = FrameDecoder(.lengthPrefixed(UInt16.self))
            var head: Bytes = [0, 3]
            #expect(try decoder.next(from: &head) == nil)
            var body: Bytes = "abcd"
            let memory = body.slab
            let found = try #require(try decoder.next(from: &body))
            #expect(found == "abc" && found.slab === memory)
            #expect(body == "d")
        }

        @Test func `an announced length takes no memory before its bytes come`() throws {
            let framing = Framing.lengthPrefixed(UInt32.self, maximumBytes: 1 << 30)
            var decoder = FrameDecoder(framing)
            var input = Bytes([0x40, 0, 0, 0] + [UInt8](repeating: 1, count: 100))
            #expect(try decoder.next(from: &input) == nil)
            #expect(decoder.heldByteCount == 104)
            let memory = decoder.takeHeld().last?.slab
            #expect(try #require(memory).header <= 200)
        }

        @Test func `held memory stays below twice the bytes that came, and fits in the end`() throws
        {
            var decoder = FrameDecoder(.fixed(100_000))
            for _ in 0..<999 {
                var piece = Bytes([UInt8](repeating: 2, count: 100))
                #expect(try decoder.next(from: &piece) == nil)
                let held = decoder.begun
                #expect(held.capacity <= max(128, 2 * held.count))
            }
            var last = Bytes([UInt8](repeating: 2, count: 100))
            let frame = try #require(try decoder.next(from: &last))
            #expect(frame.count == 100_000 && frame.slab?.header == 100_000)
        }

        @Test func `a frame given out keeps its bytes while the decoder goes on`() throws {
            var decoder = FrameDecoder(.lines)
            var frames: [Bytes] = []
            for piece: Bytes in ["on", "e\ntw", "o\nthr", "ee\n"] {
                var input = piece
                while let frame = try decoder.next(from: &input) { frames.append(frame) }
            }
            #expect(frames == ["one", "two", "three"])
        }

        @Test func `a copy of a decoder goes its own way`() throws {
            var first = FrameDecoder(.lines)
            var begun: Bytes = "ab"
            #expect(try first.next(from: &begun) == nil)
            var second = first
            var one: Bytes = "1\n"
            var two: Bytes = "2\n"
            #expect(try first.next(from: &one) == "ab1")
            #expect(try second.next(from: &two) == "ab2")
        }

        static let faults: [(Framing, Bytes, String)] = [
            (.lines(maximumBytes: 3), "abcd\n", "decode a line: longer than 3 bytes"),
            (.delimited(by: "--", maximumBytes: 3), "abcde", "decode a frame: longer than 3 bytes"),
            (
                .lengthPrefixed(UInt64.self, maximumBytes: 8),
                Bytes([UInt8](repeating: 255, count: 8)),
                "decode a frame: a length of 18446744073709551615 bytes, and at most 8 are taken"
            ),
            (
                .lengthPrefixed(UInt16.self, countsPrefix: true), [0, 1],
                "decode a frame: a length of 1 bytes, which its own 2 are part of"
            ),
            (.fixed(4), "abc", "decode a frame: the input ended after 3 of 4 bytes"),
            (
                .lengthPrefixed(UInt32.self), [0, 0],
                "decode a frame: the input ended after 2 of the 4 bytes of a length"
            ),
            (
                .delimited(by: "\r\n"), "ab\r",
                "decode a frame: the input ended after 3 bytes, before the delimiter"
            ),
        ]

        @Test(arguments: faults.indices)
        func `a fault is one clear error, thrown again for ever`(index: Int) {
            let (framing, bytes, text) = Self.faults[index]
            var decoder = FrameDecoder(framing)
            for _ in 0..<3 {
                var input = bytes
                let error = #expect(throws: IOError.self) {
                    while let _ = try decoder.next(from: &input) {}
                    _ = try decoder.finish()
                }
                #expect(error.map { "\($0)" } == text)
                #expect(decoder.heldByteCount == 0)
            }
        }

        @Test func `a decoder whose frame's work threw is of no more use`() throws {
            struct Refused: Error {}
            var decoder = FrameDecoder(.lines)
            let text: Bytes = "a\nb\nc\n"
            var seen: [Bytes] = []
            #expect(throws: Refused.self) {
                try decoder.decode(text.bytes) { line in
                    seen.append(Bytes(copying: line))
                    if seen.count == 2 { throw Refused() }
                }
            }
            #expect(seen == ["a", "b"])
            let error = #expect(throws: IOError.self) { try decoder.decode(text.bytes) { _ in } }
            #expect(error?.code == .closed)
        }

        static let refusals: [(Framing, Bytes, IOError.Code)] = [
            (.lines(maximumBytes: 3), "abcd", .limitExceeded), (.lines, "a\nb", .invalidArgument),
            (.lines, "a\r", .invalidArgument),
            (.delimited(by: "--"), "a--b", .invalidArgument),
            (.delimited(by: "--"), "a-", .invalidArgument),
            (.delimited(by: "abab"), "xab", .invalidArgument),
            (.lengthPrefixed(UInt8.self), Bytes([UInt8](repeating: 0, count: 256)), .limitExceeded),
            (
                .lengthPrefixed(UInt8.self, countsPrefix: true),
                Bytes([UInt8](repeating: 0, count: 255)), .limitExceeded
            ),
            (.fixed(4), "abc", .invalidArgument), (.fixed(4), "abcde", .invalidArgument),
        ]

        @Test(arguments: refusals.indices)
        func `a frame that would not be read as it is is not written`(index: Int) {
            let (framing, frame, code) = Self.refusals[index]
            let error = #expect(throws: IOError.self) { try framing.pieces(of: frame) }
            #expect(error?.code == code)
        }

        static let encoded: [(Framing, Bytes, Bytes)] = [
            (.lines, "ab", "ab\n"), (.delimited(by: "\r\n"), "ab", "ab\r\n"),
            (.lengthPrefixed(UInt8.self), "ab", [2, 97, 98]),
            (.lengthPrefixed(UInt16.self), "", [0, 0]),
            (.lengthPrefixed(UInt32.self, byteOrder: .littleEndian), "a", [1, 0, 0, 0, 97]),
            (.lengthPrefixed(UInt32.self, countsPrefix: true), "a", [0, 0, 0, 5, 97]),
            (.lengthPrefixed(UInt64.self), "a", [0, 0, 0, 0, 0, 0, 0, 1, 97]),
            (.fixed(2), "ab", "ab"),
        ]

        @Test(arguments: encoded.indices)
        func `a frame is written with what marks its bounds, and not copied`(index: Int) throws {
            let (framing, frame, wire) = Self.encoded[index]
            let pieces = try framing.pieces(of: frame)
            #expect(Bytes(joining: pieces) == wire)
            #expect(frame.isEmpty || pieces.contains { $0.slab === frame.slab })
        }

        @Test func `bounds and delimiters that cannot be are refused`() async {
            await #expect(processExitsWith: .failure) { _ = Framing.fixed(0) }
            await #expect(processExitsWith: .failure) { _ = Framing.lines(maximumBytes: -1) }
            await #expect(processExitsWith: .failure) { _ = Framing.delimited(by: Bytes()) }
            await #expect(processExitsWith: .failure) { _ = Framing.lengthPrefixed(UInt128.self) }
        }
    }
}
