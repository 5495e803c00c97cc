import Testing

@testable import Heddle

extension HeddleTests {
    /// One stream into another, and both ways at once.
    @Suite struct StreamCopyTests {
        /// A stream on `loop` and the plain socket at its other end.
        private static func link(on loop: EventLoop) async throws -> (ByteStream, RawSocket) {
            let (near, far) = try RawSocket.pair()
            return (try await TCPConnection.adopting(descriptor: near.descriptor, on: loop), far)
        }

        @Test func `everything comes through, is counted, and then the end`() async throws {
            let total = TestScale.times(2 << 20, full: 20 * (2 << 20))
            try await withTestLoop { loop in
                let first = try await PipeStream.pipe(on: loop)
                let second = try await PipeStream.pipe(on: loop)
                async let sent: Void = {
                    try await first.writing.writePattern(total)
                    try await first.writing.shutdownWrite()
                }()
                async let copied = first.reading.copy(to: second.writing)
                let came = try await second.reading.expectPatternToEnd()
                try await sent
                #expect(came == total)
                #expect(try await copied == total)
            }
        }

        @Test func `streams of two loops copy as well`() async throws {
            let total = TestScale.times(1 << 20, full: 20 * (1 << 20))
            try await withTestRuntime(threads: 2) { runtime in
                let first = try await PipeStream.pipe(on: runtime.loops[0])
                let second = try await PipeStream.pipe(on: runtime.loops[1])
                async let sent: Void = {
                    try await first.writing.writePattern(total)
                    try await first.writing.shutdownWrite()
                }()
                async let copied = first.reading.copy(to: second.writing)
                #expect(try await second.reading.expectPatternToEnd() == total)
                try await sent
                #expect(try await copied == total)
            }
        }

        @Test func `a slow target slows the source, and little is held`() async throws {
            try await withTestLoop { loop in
                let first = try await PipeStream.pipe(on: loop)
                let second = try await PipeStream.pipe(on: loop)
                let writer = loop.task { try await first.writing.writePattern(1 << 30) }
                let copying = loop.task { try await first.reading.copy(to: second.writing) }
                try await second.reading.until("the pause") { $0.machine.isPaused }
                try await first.writing.until("the writer's wait") { !$0.waitingWriters.isEmpty }
                let limits = StreamLimits()
                for stream in [first.reading, second.reading] {
                    let held = try await stream.inside { $0.unread.byteCount }
                    #expect(held <= 2 * limits.unreadHighWater)
                }
                let held = try await second.writing.inside { $0.unsent.byteCount }
                #expect(held <= 2 * limits.unsentHighWater)
                writer.cancel()
                copying.cancel()
                _ = await (writer.result, copying.result)
                first.writing.reset()
                second.writing.reset()
            }
        }

        @Test func `a cancelled copy loses no byte`() async throws {
            let total = 4 << 20
            try await withTestLoop { loop in
                let first = try await PipeStream.pipe(on: loop)
                let second = try await PipeStream.pipe(on: loop)
                let writer = loop.task {
                    try await first.writing.writePattern(total)
                    try await first.writing.shutdownWrite()
                }
                let copying = loop.task { try await first.reading.copy(to: second.writing) }
                try await second.writing.until("the wait") { !$0.waitingWriters.isEmpty }
                copying.cancel()
                await #expect(throws: CancellationError.self) { try await copying.value }
                async let copied = first.reading.copy(to: second.writing)
                #expect(try await second.reading.expectPatternToEnd() == total)
                try await writer.value
                #expect(try await copied < total)
            }
        }

        @Test func `a cancellation that comes after its copy does not end the next one`()
            async throws
        {
            try await withTestLoop { loop in
                let (source, sourcePeer) = try await Self.link(on: loop)
                let (target, targetPeer) = try await Self.link(on: loop)
                defer { targetPeer.close() }
                for _ in 0..<2 {
                    let copying = loop.task { _ = try await source.copy(to: target) }
                    try await source.until("the read") { unsafe $0.reader != nil }
                    copying.cancel()
                    await #expect(throws: CancellationError.self) { try await copying.value }
                }
                let copying = loop.task { try await source.copy(to: target) }
                try await source.until("the read") { unsafe $0.reader != nil }
                // What a copy's cancellation posts, late.
                let core = source.core
                await loop.run { _ in core.cancelScope() }
                try sourcePeer.write("all")
                sourcePeer.shutdownWrite()
                #expect(try await copying.value == 3)
                #expect(try targetPeer.readToEnd() == Array("all".utf8))
                sourcePeer.close()
            }
        }

        @Test func `what a broken target did not take can be read from the source`() async throws {
            try await withTestLoop { loop in
                let first = try await PipeStream.pipe(on: loop)
                let second = try await PipeStream.pipe(on: loop)
                try await second.reading.close()
                try await second.writing.write("x")
                await expectError(.broken) { try await second.writing.flush() }
                try await first.writing.write("kept")
                await expectError(.broken) { try await first.reading.copy(to: second.writing) }
                #expect(try await first.reading.read() == "kept")
            }
        }

        @Test func `an exchange goes both ways, each end carried over on its own`() async throws {
            try await withTestLoop { loop in
                let (left, leftPeer) = try await Self.link(on: loop)
                let (right, rightPeer) = try await Self.link(on: loop)
                let exchange = loop.task {
                    let counts = try await left.exchange(with: right)
                    return [counts.sent, counts.received]
                }
                let client = try await TCPConnection.adopting(
                    descriptor: leftPeer.descriptor, on: loop)
                let server = try await TCPConnection.adopting(
                    descriptor: rightPeer.descriptor, on: loop)
                try await client.write("question")
                try await client.shutdownWrite()
                #expect(try await server.read(exactly: 8) == "question")
                #expect(try await server.read() == nil)
                try await server.write("a longer answer")
                try await server.shutdownWrite()
                #expect(try await client.read(exactly: 15) == "a longer answer")
                #expect(try await client.read() == nil)
                #expect(try await exchange.value == [8, 15])
            }
        }

        @Test func `an error of either side ends both, and is told`() async throws {
            for resetsLeft in [true, false] {
                try await withTestRuntime(threads: 1) { runtime in
                    let loop = runtime.loops[0]
                    let kind = StreamKind.tcpIPv4
                    let (left, leftPeer) = try await kind.connect(on: loop)
                    let (right, rightPeer) = try await kind.connect(on: loop)
                    let exchange = Task { _ = try await left.exchange(with: right) }
                    try await left.until("the read") { unsafe $0.reader != nil }
                    try await right.until("the read") { unsafe $0.reader != nil }
                    let (gone, stays) = resetsLeft ? (leftPeer, rightPeer) : (rightPeer, leftPeer)
                    gone.reset()
                    let error = await expectError(.broken) { try await exchange.value }
                    #expect(error?.systemName == "ECONNRESET")
                    #expect(throws: (any Error).self) { try stays.readToEnd() }
                    stays.close()
                }
            }
        }

        @Test func `a cancelled exchange leaves both streams open`() async throws {
            try await withTestLoop { loop in
                let (left, leftPeer) = try await Self.link(on: loop)
                let (right, rightPeer) = try await Self.link(on: loop)
                defer { rightPeer.close() }
                let exchange = loop.task { _ = try await left.exchange(with: right) }
                try await left.until("the read") { unsafe $0.reader != nil }
                exchange.cancel()
                await #expect(throws: CancellationError.self) { try await exchange.value }
                try leftPeer.write("still there")
                #expect(try await left.read(exactly: 11) == "still there")
                try await right.write("here too")
                try await right.flush()
                #expect(try rightPeer.read(exactly: 8) == Array("here too".utf8))
                leftPeer.close()
            }
        }
    }
}
