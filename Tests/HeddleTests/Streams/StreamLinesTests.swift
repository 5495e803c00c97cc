import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct StreamLinesTests {
        static let inputs: [(text: String, lines: [String])] = [
            ("", []), ("\n", [""]), ("\r\n", [""]), ("a\n", ["a"]), ("a", ["a"]),
            ("a\r\nb\nc", ["a", "b", "c"]), ("\n\n\n", ["", "", ""]), ("a\n\nb\n", ["a", "", "b"]),
            ("a\rb\r\r\nc\n", ["a\rb\r", "c"]), ("é🧵\nü\r\n", ["é🧵", "ü"]),
            ("a\u{0}b\n", ["a\u{0}b"]),
        ]

        @Test(arguments: StreamKind.all)
        func `lines end in LF or CR LF, and the last may lack its end`(
            kind: StreamKind
        ) async throws {
            for (text, lines) in Self.inputs {
                try await kind.withPeer { near, peer in
                    try peer.write(text)
                    peer.shutdownWrite()
                    #expect(try await near.allLines() == lines, "\(text.debugDescription)")
                }
            }
        }

        @Test(arguments: Seed.some(4))
        func `lines are the same however their bytes are split`(seed: Seed) async throws {
            let text = Self.inputs.map(\.text).joined(separator: "\n") + "\r\nthe end\n"
            let expected = try await Self.lines(of: [Array(text.utf8)])
            var random = seed.generator
            for _ in 0..<5 {
                var pieces: [[UInt8]] = []
                var rest = Array(text.utf8)[...]
                while !rest.isEmpty {
                    let count = Int.random(in: 1...7, using: &random)
                    pieces.append(Array(rest.prefix(count)))
                    rest = rest.dropFirst(count)
                }
                #expect(try await Self.lines(of: pieces) == expected)
            }
            #expect(expected.count == text.utf8.count { $0 == UInt8(ascii: "\n") })
        }

        @Test func `one byte at a time makes the same lines`() async throws {
            let text = "ab\r\ncd\n\r\n\u{1F9F5}\r\n"
            let pieces = text.utf8.map { [$0] }
            #expect(try await Self.lines(of: pieces) == ["ab", "cd", "", "\u{1F9F5}"])
        }

        @Test func `bytes that are not text become replacement characters`() async throws {
            let lines = try await Self.lines(of: [[0xFF, 0x61, 0x0A, 0xC3], [0x0A, 0xE2, 0x82]])
            #expect(lines == ["\u{FFFD}a", "\u{FFFD}", "\u{FFFD}"])
        }

        static let bounds: [(input: String, count: Int)] = [
            ("12345678\n", 1), ("12345678\r\n", 1), ("12345678", 1), ("123456789\n", -1),
            ("123456789\r\n", -1), ("123456789", -1), ("1234567890123\n", -1),
            ("ok\n123456789\n", -1), ("\n12345678\n", 2),
        ]

        @Test(arguments: bounds.indices, [1, 3, 100])
        func `a line may be as long as the bound and no longer`(index: Int, step: Int) async throws
        {
            let (input, count) = Self.bounds[index]
            var pieces: [[UInt8]] = []
            var rest = Array(input.utf8)[...]
            while !rest.isEmpty {
                pieces.append(Array(rest.prefix(step)))
                rest = rest.dropFirst(step)
            }
            let sent = pieces
            if count >= 0 {
                #expect(try await Self.lines(of: sent, maximumBytes: 8).count == count)
            } else {
                let error = await #expect(throws: IOError.self) {
                    try await Self.lines(of: sent, maximumBytes: 8)
                }
                #expect(error?.code == .limitExceeded)
            }
        }

        @Test func `an endless line is given up at the bound, not read to its end`() async throws {
            try await StreamKind.tcpIPv4.withPair { near, far in
                let flood = Task {
                    while true { try await far.write(Bytes([UInt8](repeating: 65, count: 4096))) }
                }
                let error = await #expect(throws: IOError.self) { try await near.allLines() }
                #expect(error?.code == .limitExceeded)
                near.reset()
                let failure = await flood.result
                #expect(throws: (any Error).self) { try failure.get() }
            }
        }

        /// The lines that come out when `pieces` are sent, each by itself.
        private static func lines(
            of pieces: [[UInt8]], maximumBytes: Int = 64 * 1024
        ) async throws -> [String] {
            try await withTestLoop { loop in
                let (near, peer) = try await StreamKind.unix.connect(on: loop)
                defer { peer.close() }
                let ended = Signal()
                let reader = loop.task {
                    defer { ended.fire() }
                    return try await near.allLines(maximumBytes: maximumBytes)
                }
                for piece in pieces {
                    // One poll of the loop, so that the piece before was read by itself.
                    try await near.turnOfLoop()
                    try await near.until("a reader or its end") {
                        ended.hasFired || ($0.unread.isEmpty && $0.reader != nil)
                    }
                    if ended.hasFired { break }
                    try peer.write(piece)
                }
                peer.shutdownWrite()
                return try await reader.value
            }
        }
    }
}

extension ByteStream {
    fileprivate func allLines(maximumBytes: Int = 64 * 1024) async throws -> [String] {
        var found: [String] = []
        for try await line in inbound.lines(maximumBytes: maximumBytes) { found.append(line) }
        return found
    }
}
