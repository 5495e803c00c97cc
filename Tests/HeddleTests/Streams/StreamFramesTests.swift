import Testing

@testable import Heddle

extension HeddleTests {
    /// Frames over connections.
    @Suite struct StreamFramesTests {
        @Test(arguments: StreamKind.all)
        func `frames arrive as they were written`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                for framing in FrameReference.framings {
                    let frames = Self.frames(for: framing)
                    async let wrote: Void = Self.write(frames, as: framing, to: far)
                    var found = near.inbound.frames(framing).makeAsyncIterator()
                    for frame in frames { #expect(try await found.next() == frame) }
                    try await wrote
                }
            }
        }

        @Test func `large frames arrive whole, and short ones around them`() async throws {
            let framing = Framing.lengthPrefixed(UInt32.self)
            let frames = (0..<40).map { number in
                Bytes([UInt8](repeating: UInt8(number), count: [0, 5, 1_025, 300_000][number % 4]))
            }
            try await StreamKind.offLoop.withPair { near, far in
                async let wrote: Void = Self.write(frames, as: framing, to: far)
                var found: [Bytes] = []
                var iterator = near.inbound.frames(framing).makeAsyncIterator()
                while found.count < frames.count, let frame = try await iterator.next() {
                    found.append(frame.compacted())
                }
                #expect(found == frames)
                try await wrote
            }
        }

        @Test(arguments: StreamKind.all)
        func `an input that ends in the middle of a frame is an unexpected end`(
            kind: StreamKind
        ) async throws {
            try await kind.withPeer { near, peer in
                try peer.write([0, 1, 7, 0, 2, 8])
                peer.shutdownWrite()
                var frames = near.inbound.frames(.lengthPrefixed(UInt16.self)).makeAsyncIterator()
                #expect(try await frames.next() == [7])
                for _ in 0..<2 {
                    let error = await #expect(throws: IOError.self) { try await frames.next() }
                    #expect(error?.code == .unexpectedEnd)
                    #expect(error?.subject == near.core.subject)
                }
            }
        }

        @Test(arguments: [StreamKind.tcpIPv4, .pipe, .inHandler, .offLoop])
        func `a cancelled iteration loses no byte of a begun frame`(kind: StreamKind) async throws {
            try await kind.withPeer { near, peer in
                let framing = Framing.lengthPrefixed(UInt16.self)
                var frames = near.inbound.frames(framing).makeAsyncIterator()
                for part in [[0], [5, 1], [2, 3]] as [[UInt8]] {
                    try peer.write(part)
                    let iterator = frames
                    let task = Task { [near] in
                        var iterator = iterator
                        defer { withExtendedLifetime(near) {} }
                        return try await iterator.next()
                    }
                    try await near.until("a reader") { $0.reader != nil && $0.unread.isEmpty }
                    task.cancel()
                    await #expect(throws: CancellationError.self) { try await task.value }
                }
                try peer.write([4, 5, 0, 0])
                #expect(try await frames.next() == [1, 2, 3, 4, 5])
                #expect(try await frames.next() == [])
            }
        }

        @Test(arguments: Seed.some(3))
        func `iterations cancelled at random moments lose and double nothing`(
            seed: Seed
        ) async throws {
            try await StreamKind.offLoop.withPair { near, far in
                let total = TestScale.times(400, full: 40_000)
                let writer = Task {
                    var random = seed.generator
                    for number in 0..<total {
                        let wire = Array("number \(number)\r\n".utf8)
                        let cut = Int.random(in: 0...wire.count, using: &random)
                        try await far.write(Array(wire[..<cut]))
                        if cut % 3 == 0 { await Task.yield() }
                        try await far.write(Array(wire[cut...]))
                    }
                }
                var random = seed.generator
                var iterator = near.inbound.frames(.lines).makeAsyncIterator()
                var number = 0
                while number < total {
                    let (start, left) = (iterator, total - number)
                    let task = Task {
                        var own = start
                        var found: [Bytes] = []
                        do {
                            while found.count < left, let line = try await own.next() {
                                found.append(line)
                            }
                        } catch is CancellationError {}
                        return (own, found)
                    }
                    for _ in 0..<Int.random(in: 0...20, using: &random) { await Task.yield() }
                    task.cancel()
                    let (own, found) = try await task.value
                    for line in found {
                        expect(line, Bytes("number \(number)"))
                        number += 1
                    }
                    iterator = own
                }
                try await writer.value
            }
        }

        @Test func `the framing may change between two frames`() async throws {
            try await StreamKind.tcpIPv4.withPeer { near, peer in
                try peer.write("size: 5\r\n\r\na\nb\ncnext\n")
                var frames = near.inbound.frames(.lines).makeAsyncIterator()
                #expect(try await frames.next() == "size: 5")
                #expect(try await frames.next() == "")
                frames.framing = .fixed(5)
                #expect(try await frames.next() == "a\nb\nc")
                frames.framing = .lines
                #expect(try await frames.next() == "next")
            }
        }

        @Test(arguments: StreamKind.all)
        func `what came behind a frame may be put back for other readers`(
            kind: StreamKind
        ) async throws {
            try await kind.withPeer { near, peer in
                try peer.write("hello\nand the rest")
                var frames = near.inbound.frames(.lines).makeAsyncIterator()
                #expect(try await frames.next() == "hello")
                await frames.putBackRest()
                #expect(try await near.read(exactly: 12) == "and the rest")
            }
        }

        @Test func `a flood without a frame's end is given up at the bound`() async throws {
            try await StreamKind.tcpIPv4.withPair { near, far in
                let flood = Task {
                    while true { try await far.write(Bytes([UInt8](repeating: 65, count: 4096))) }
                }
                let error = await #expect(throws: IOError.self) {
                    for try await _ in near.inbound.frames(.delimited(by: "\r\n")) {}
                }
                #expect(error?.code == .limitExceeded)
                near.reset()
                let failure = await flood.result
                #expect(throws: (any Error).self) { try failure.get() }
            }
        }

        @Test func `a frame that cannot be written leaves the connection as it was`() async throws {
            try await StreamKind.tcpIPv4.withPair { near, far in
                let error = await #expect(throws: IOError.self) {
                    try await far.write(frame: "a\nb", as: .lines)
                }
                #expect(error?.code == .invalidArgument && error?.subject == far.core.subject)
                try await far.write(frame: "ab", as: .lines)
                #expect(try await near.read(exactly: 3) == "ab\n")
            }
        }

        @Test(arguments: ServerKind.all)
        func `a handler decodes and answers frames, short and large`(kind: ServerKind) async throws
        {
            let framing = Framing.lengthPrefixed(UInt32.self, maximumBytes: 1 << 20)
            let frames = (0..<200).map { number in
                Bytes([UInt8](repeating: UInt8(number), count: [0, 3, 1_500, 70_000][number % 4]))
            }
            try await withTestRuntime(threads: 2) { runtime in
                try await servingObjects(kind, on: runtime, objects: { FrameEcho(framing) }) {
                    server in
                    let client = try await server.client(on: runtime.loops[1])
                    async let wrote: Void = Self.write(frames, as: framing, to: client)
                    var answers = client.inbound.frames(framing).makeAsyncIterator()
                    for frame in frames { expect(try await answers.next(), frame) }
                    try await wrote
                    try await client.shutdownWrite()
                    #expect(try await answers.next() == nil)
                    try await client.close()
                }
            }
        }

        @Test(arguments: ServerKind.all)
        func `a handler's malformed frame ends its connection and is reported`(kind: ServerKind)
            async throws
        {
            let reported = Recorder<String>()
            try await withTestRuntime(threads: 1) { runtime in
                try await servingObjects(
                    kind, on: runtime, onError: { error, _ in reported.add("\(error)") },
                    objects: { FrameEcho(.lengthPrefixed(UInt32.self, maximumBytes: 100)) }
                ) { server in
                    let client = try await server.client(on: runtime.loops[0])
                    try await client.write([0, 0, 0, 1, 9, 127, 0, 0, 0])
                    #expect(try await client.read(exactly: 5) == [0, 0, 0, 1, 9])
                    while let _ = try? await client.read() {}
                    try await client.close()
                }
            }
            #expect(
                reported.all == [
                    "decode a frame: a length of 2130706432 bytes, and at most 100 are taken"
                ])
        }

        private static func frames(for framing: Framing) -> [Bytes] {
            let sizes = framing.kind == .fixed ? [framing.maximumBytes] : [1, 0, 40, 17, 0, 39, 2]
            return sizes.enumerated().map { number, size in
                Bytes([UInt8](repeating: UInt8(ascii: "A") + UInt8(number), count: size))
            }
        }

        private static func write(
            _ frames: [Bytes], as framing: Framing, to connection: ByteStream
        ) async throws {
            for frame in frames { try await connection.write(frame: frame, as: framing) }
        }
    }
}

/// Answers each frame with itself, through both forms of write in turn.
private final class FrameEcho: StreamHandler {
    private var decoder: FrameDecoder
    private var count = 0

    init(_ framing: Framing) { decoder = FrameDecoder(framing) }

    func received(_ bytes: RawSpan, on stream: SynchronousStream) throws {
        let framing = decoder.framing
        try decoder.decode(bytes) { frame in
            count += 1
            if count % 2 == 0 {
                try stream.write(frame: frame, as: framing)
            } else {
                try stream.write(frame: Bytes(copying: frame), as: framing)
            }
        }
    }

    func inputEnded(on stream: SynchronousStream) throws {
        _ = try decoder.finish()
        stream.close()
    }
}
