import Testing

@testable import Heddle

extension HeddleTests {
    /// Whatever comes, cut wherever: a decoder says what the reference says, in bounded memory.
    @Suite struct FrameFuzzTests {
        @Test(arguments: Seed.some(4))
        func `frames come out as they went in, wherever their bytes are cut`(seed: Seed) throws {
            var random = seed.generator
            for _ in 0..<TestScale.times(60, full: 6_000) {
                for framing in FrameReference.framings {
                    let frames = try (0..<Int.random(in: 0...12, using: &random)).map { _ in
                        try Self.frame(for: framing, &random)
                    }
                    let pieces = try frames.flatMap { try framing.pieces(of: Bytes($0)) }
                    let input = Array(Bytes(joining: pieces))
                    var expected = FrameReference()
                    expected.frames = frames
                    expect(FrameReference(framing, input), expected)
                    let cut = Self.cut(input, &random)
                    expect(FrameReference.fromBytes(framing, cut), expected)
                    expect(FrameReference.fromSpans(framing, cut), expected)
                }
            }
        }

        @Test(arguments: Seed.some(4))
        func `whatever comes, there are frames within the bound and one clear error`(seed: Seed) {
            var random = seed.generator
            // Bytes that delimiters and short lengths are made of, and now and then any.
            let common: [UInt8] = Array("ab|\r\n".utf8) + [0, 0, 0, 0, 3, 8, 9, 40, 41, 255]
            for _ in 0..<TestScale.times(120, full: 20_000) {
                for framing in FrameReference.framings {
                    let input = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                        Int.random(in: 0..<8, using: &random) == 0
                            ? UInt8.random(in: 0...255, using: &random)
                            : common.randomElement(using: &random)!
                    }
                    let expected = FrameReference(framing, input)
                    let cut = Self.cut(input, &random)
                    expect(FrameReference.fromBytes(framing, cut), expected)
                    expect(FrameReference.fromSpans(framing, cut), expected)
                    expect(expected.frames.allSatisfy { $0.count <= framing.maximumBytes }, true)
                }
            }
        }

        /// A frame that the framing can carry, often one made of the delimiter's bytes.
        private static func frame(
            for framing: Framing, _ random: inout SeededGenerator
        ) throws -> [UInt8] {
            while true {
                let count =
                    framing.kind == .fixed
                    ? framing.maximumBytes
                    : Int.random(in: 0...framing.maximumBytes, using: &random)
                let alphabet = Array(framing.delimiter) + [UInt8(ascii: "x"), 0]
                let frame = (0..<count).map { _ in alphabet.randomElement(using: &random)! }
                if count < 4 || framing.delimiter.isEmpty {
                    if (try? framing.pieces(of: Bytes(frame))) != nil { return frame }
                } else {
                    // Long ones hardly ever lack a delimiter of one byte.
                    let plain = frame.map { $0 == framing.delimiter.last ? UInt8(ascii: "y") : $0 }
                    if (try? framing.pieces(of: Bytes(plain))) != nil { return plain }
                }
            }
        }

        private static func cut(
            _ input: [UInt8], _ random: inout SeededGenerator
        ) -> [[UInt8]] {
            let largest = [1, 2, 9, 400].randomElement(using: &random)!
            var rest = input[...]
            var pieces: [[UInt8]] = []
            while !rest.isEmpty {
                let count = Int.random(in: 1...largest, using: &random)
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            return pieces
        }
    }
}
