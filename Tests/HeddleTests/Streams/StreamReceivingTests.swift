import Testing

@testable import Heddle

extension HeddleTests {
    /// Few bytes are read by the callback, many by the stream's turn: what holds whichever it is.
    @Suite struct StreamReceivingTests {
        @Test(arguments: StreamKind.all)
        func `few and many bytes in turn keep their order`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                let sizes = [10, 60_000, 1, 8_191, 8_192, 65_521, 300, 30_000]
                let total = 40 * sizes.reduce(0, +)
                async let wrote: Void = {
                    var pattern = Pattern()
                    for _ in 0..<40 {
                        for size in sizes { try await far.write(pattern.next(size)) }
                        try await far.flush()
                    }
                    try await far.shutdownWrite()
                }()
                var pattern = Pattern()
                var turn = 0
                while pattern.position < total {
                    turn += 1
                    let bytes = try await near.read(upTo: [.max, 7, 100_000, 4_000][turn % 4])
                    expect(pattern.matches(try #require(bytes)), true)
                }
                #expect(try await near.read() == nil)
                try await wrote
            }
        }

        @Test(arguments: StreamKind.all)
        func `a read cancelled as many bytes come loses none`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                let rounds = TestScale.times(200, full: 20_000)
                var sent = Pattern()
                var received = Pattern()
                for round in 0..<rounds {
                    let reader = Task { try await near.read() }
                    if round % 2 == 0 { try await near.turnOfLoop() }
                    try await far.write(sent.next(20_000))
                    if round % 3 == 0 { try await far.flush() }
                    reader.cancel()
                    if let bytes = try? await reader.value {
                        expect(received.matches(bytes), true)
                    }
                    while sent.position - received.position > 60_000 {
                        let bytes = try #require(try await near.read())
                        expect(received.matches(bytes), true)
                    }
                }
                while received.position < sent.position {
                    expect(received.matches(try #require(try await near.read())), true)
                }
            }
        }

        @Test(arguments: StreamKind.tcp)
        func `a reset between many bytes is an error`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                try await far.write(Bytes([UInt8](repeating: 1, count: 60_000)))
                _ = try await near.read(exactly: 60_000)
                far.reset()
                let error = await #expect(throws: IOError.self) {
                    while try await near.read() != nil {}
                }
                #expect(error?.code == .broken)
            }
        }

        @Test func `a peer that never pauses does not take the loop from others`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (near, peer) = try await StreamKind.tcpIPv4.connect(on: runtime.loops[0])
                let far = try await TCPConnection.adopting(
                    descriptor: peer.descriptor, on: runtime.loops[1])
                let block = Bytes([UInt8](repeating: 1, count: 1 << 20))
                let writer = runtime.loops[1].task {
                    while true { try await far.write(block) }
                }
                let reader = runtime.loops[0].task {
                    var count = 0
                    while let bytes = try await near.read() { count += bytes.count }
                    return count
                }
                let loop = runtime.loops[0]
                try await loop.task {
                    for _ in 0..<20 { try await loop.clock.sleep(for: .milliseconds(1)) }
                }.value
                writer.cancel()
                _ = await writer.result
                far.reset()
                _ = await reader.result
                near.reset()
            }
        }

        @Test func `staged bytes wait for a handler that may not be shown them now`() async throws {
            try await withTestLoop { loop in
                let (near, peer) = try await StreamKind.unix.connect(on: loop)
                defer { peer.close() }
                let seen = Recorder<String>()
                let stream = near.core
                stream.setHandler(SeeingHandler(seen))
                try await near.turnOfLoop()
                // As libuv does it, with the handler held up between the read and the turn.
                let memory = stream.lendBuffer()
                memory.copyBytes(from: Array("held".utf8))
                stream.didRead(count: 4)
                let handling = stream.handling!.takeUnretainedValue()
                expect(handling.hasStaged, true)
                handling.pause()
                stream.queues.giveTurn(to: stream)
                try await near.turnOfLoop()
                expect(handling.hasStaged, false)
                // Nothing is unsent, so the turn lets the handler go on, and shows it what was kept.
                try await near.until { $0.unread.isEmpty }
                #expect(seen.all == ["held"])
                #expect(loop.core.stage.lend().count == Stage.stageBytes)
                try await near.close()
            }
        }
    }
}

private final class SeeingHandler: StreamHandler {
    private let seen: Recorder<String>

    init(_ seen: Recorder<String>) {
        self.seen = seen
    }

    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        seen.add(String(Bytes(copying: bytes)))
    }
}
