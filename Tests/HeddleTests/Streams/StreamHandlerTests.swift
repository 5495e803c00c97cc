import Testing

@testable import Heddle

extension HeddleTests {
    /// The synchronous face, over the connections of a server.
    @Suite struct StreamHandlerTests {
        @Test(arguments: Seed.some(2), ServerKind.all)
        func `an echoing handler returns every byte in order`(seed: Seed, kind: ServerKind)
            async throws
        {
            try await withHandlers(kind, make: { EchoHandler() }) { client, _ in
                let total = TestScale.times(8 << 20, full: 256 << 20)
                async let wrote: Void = client.writePatternAndFinish(
                    total, largest: Pattern.period, seed: seed)
                #expect(try await client.expectPatternToEnd() == total)
                try await wrote
            }
        }

        @Test(arguments: ServerKind.all)
        func `a handler that writes through every call keeps the order`(kind: ServerKind)
            async throws
        {
            try await withHandlers(kind, make: { MixedEchoHandler() }) { client, _ in
                let total = 4 << 20
                async let wrote: Void = client.writePatternAndFinish(
                    total, largest: 40_000, seed: Seed(number: 3))
                #expect(try await client.expectPatternToEnd() == total)
                try await wrote
            }
        }

        @Test(arguments: ServerKind.all)
        func `a handler is told of each thing once and in order`(kind: ServerKind) async throws {
            let events = Recorder<String>()
            let ended = Signal()
            try await withHandlers(kind, make: { RecordingHandler(events, ended) }) { client, _ in
                try await client.write("abc")
                #expect(try await client.read(exactly: 5) == "hello")
                try await client.shutdownWrite()
                #expect(try await client.read() == nil)
                try await ended.wait()
            }
            #expect(events.all == ["opened", "received abc", "inputEnded", "closed nil"])
        }

        @Test(arguments: ServerKind.all)
        func `a handler may keep its side open after the input's end`(kind: ServerKind) async throws
        {
            try await withHandlers(kind, make: { LateAnswerHandler() }) { client, _ in
                try await client.write("ab")
                try await client.shutdownWrite()
                var text = ""
                while let bytes = try await client.read() { text += String(bytes) }
                #expect(text == "2 bytes")
            }
        }

        @Test(arguments: ServerKind.all)
        func `a handler whose peer does not read is not given more`(kind: ServerKind) async throws {
            var options = ListenOptions()
            options.connection.limits.unsentHighWater = 100_000
            options.connection.limits.unsentLowWater = 10_000
            let events = Recorder<String>()
            try await withHandlers(kind, options, make: { DrainHandler(events) }) { client, _ in
                var pattern = Pattern()
                // Until nothing more fits into any buffer: then the handler must have been held up.
                let writer = Task { try await client.writeUntilFailure() }
                try await client.until("a full stream") { !$0.waitingWriters.isEmpty }
                try await client.until("a held-up handler") { _ in events.count >= 1 }
                for _ in 0..<3_000 {
                    guard let bytes = try await client.read() else { break }
                    expect(pattern.matches(bytes), true)
                    if events.all.contains("drained") { break }
                }
                #expect(events.all.contains("drained"))
                #expect(!events.all.contains("too much"))
                client.reset()
                _ = try await writer.value
            }
        }

        @Test(arguments: ["opened", "received", "inputEnded", "drained"], ServerKind.all)
        func `what a handler throws ends its connection alone and is reported`(
            place: String, kind: ServerKind
        ) async throws {
            let reported = Recorder<String>()
            let closed = Recorder<String>()
            let ended = Signal()
            let full = Signal()
            var options = ListenOptions()
            options.connection.limits.unsentHighWater = 50_000
            options.connection.limits.unsentLowWater = 0
            try await withHandlers(
                kind, options, make: { ThrowingHandler(place, closed, ended, full) },
                onError: { error, peer in
                    reported.add("\(error)")
                    #expect(peer != nil)
                }
            ) { client, server in
                // One that has thrown already may have ended the connection: the byte would be lost, and told of.
                if place != "opened" { try await client.write("x") }
                if place == "inputEnded" { try await client.shutdownWrite() }
                // A client that reads faster than the handler writes would never have it wait.
                if place == "drained" { try await full.wait() }
                _ = try? await client.expectPatternToEnd()
                while (try? await client.read()) ?? nil != nil {}
                try await ended.wait()
                let other = try server.rawClient()
                defer { other.close() }
                if place != "opened" { #expect(try other.read(exactly: 5) == Array("hello".utf8)) }
            }
            #expect(reported.all.first == "HandlerFailure(place: \"\(place)\")")
            #expect(closed.all.first == "HandlerFailure(place: \"\(place)\")")
        }

        @Test func `a reset by the peer reaches the handler as an error`() async throws {
            let events = Recorder<String>()
            let ended = Signal()
            try await withHandlers(make: { RecordingHandler(events, ended) }) { client, _ in
                #expect(try await client.read(exactly: 5) == "hello")
                client.reset()
                try await ended.wait()
            }
            #expect(events.all.first == "opened")
            #expect(events.all.last == "closed broken")
            #expect(events.count == 2)
        }

        @Test func `a handler that resets in the middle of its writes is closed once`() async throws
        {
            let ended = Signal()
            try await withHandlers(make: { ResettingHandler(ended) }) { client, _ in
                try await client.write("go")
                let error = await #expect(throws: IOError.self) {
                    while try await client.read() != nil {}
                }
                #expect(error?.code == .broken)
                try await ended.wait()
            }
        }

        @Test(arguments: ServerKind.all)
        func `a handler is let go when its connection is`(kind: ServerKind) async throws {
            let alive = Counter()
            try await withTestRuntime(threads: 1) { runtime in
                try await servingObjects(kind, on: runtime, objects: { CountedHandler(alive) }) {
                    server in
                    for round in 0..<200 {
                        let peer = try server.rawClient()
                        try peer.write("x")
                        if round % 3 == 0 { _ = try peer.read(exactly: 1) }
                        round % 2 == 0 ? peer.close() : peer.reset()
                    }
                    try await expectNoConnections(on: runtime.loops[0])
                }
            }
            #expect(alive.value == 0)
        }
    }
}

/// Serves with handlers, and gives `body` one client on a loop of its own.
private func withHandlers(
    _ kind: ServerKind = .tcp, _ options: ListenOptions = ListenOptions(),
    make: @escaping TestServer.HandlerFactory,
    onError: TestServer.ErrorHook? = nil,
    _ body: @escaping @Sendable (ByteStream, TestServer) async throws -> Void
) async throws {
    try await withTestRuntime(threads: 2) { runtime in
        try await servingObjects(
            kind, on: runtime, options: options, grace: .zero, onError: onError, objects: make
        ) { server in
            let client = try await server.client(on: runtime.loops[1])
            try await body(client, server)
            try await client.close()
        }
    }
}

private final class EchoHandler: StreamHandler {
    func received(_ bytes: RawSpan, on stream: SynchronousStream) { stream.write(bytes) }
}

/// Echoes through each form of write in turn, in pieces.
private final class MixedEchoHandler: StreamHandler {
    private var turn = 0

    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        var start = 0
        while start < bytes.byteCount {
            turn += 1
            let count = min([1, 100, 20_000, 3_000][turn % 4], bytes.byteCount - start)
            let piece = bytes.extracting(start..<start + count)
            if turn % 3 == 0 { stream.write(Bytes(copying: piece)) } else { stream.write(piece) }
            start += count
        }
    }
}

private final class RecordingHandler: StreamHandler {
    private let events: Recorder<String>
    private let ended: Signal

    init(_ events: Recorder<String>, _ ended: Signal) {
        self.events = events
        self.ended = ended
    }

    func opened(_ stream: SynchronousStream) {
        events.add("opened")
        stream.write("hello")
    }

    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        events.add("received \(String(Bytes(copying: bytes)))")
    }

    func inputEnded(on stream: SynchronousStream) {
        events.add("inputEnded")
        stream.close()
        stream.close()
    }

    func closed(_ error: (any Error)?) {
        events.add("closed \((error as? IOError)?.code.description ?? "nil")")
        ended.fire()
    }
}

private final class LateAnswerHandler: StreamHandler {
    private var count = 0

    func received(_ bytes: RawSpan, on stream: SynchronousStream) { count += bytes.byteCount }

    func inputEnded(on stream: SynchronousStream) {
        stream.write("\(count) bytes")
        stream.shutdownWrite()
        stream.write("dropped")
        stream.close()
    }
}

private final class DrainHandler: StreamHandler {
    private let events: Recorder<String>
    private var isHeldUp = false

    init(_ events: Recorder<String>) {
        self.events = events
    }

    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        if isHeldUp { events.add("too much") }
        stream.write(bytes)
        guard !stream.isWritable else { return }
        isHeldUp = true
        events.add("held up")
    }

    func drained(_ stream: SynchronousStream) {
        isHeldUp = false
        events.add("drained")
    }
}

private struct HandlerFailure: Error {
    let place: String
}

private final class ThrowingHandler: StreamHandler {
    private let place: String
    private let failures: Recorder<String>
    private let ended: Signal
    private let full: Signal

    init(_ place: String, _ failures: Recorder<String>, _ ended: Signal, _ full: Signal) {
        self.place = place
        self.failures = failures
        self.ended = ended
        self.full = full
    }

    private func fail(at place: String) throws {
        if place == self.place { throw HandlerFailure(place: place) }
    }

    func opened(_ stream: SynchronousStream) throws {
        stream.write("hello")
        try fail(at: "opened")
    }

    func received(_ bytes: RawSpan, on stream: SynchronousStream) throws {
        try fail(at: "received")
        guard place == "drained" else { return }
        // The kernel may take any one write whole, but not for ever with a peer that does not read.
        while stream.isWritable { stream.write(Bytes([UInt8](repeating: 1, count: 1_000_000))) }
        full.fire()
    }

    func inputEnded(on stream: SynchronousStream) throws { try fail(at: "inputEnded") }
    func drained(_ stream: SynchronousStream) throws { try fail(at: "drained") }

    func closed(_ error: (any Error)?) {
        failures.add(error.map { "\($0)" } ?? "nil")
        ended.fire()
    }
}

private final class ResettingHandler: StreamHandler {
    private let ended: Signal

    init(_ ended: Signal) {
        self.ended = ended
    }

    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        stream.write("some")
        stream.reset()
        stream.write("more")
        stream.write(Bytes([UInt8](repeating: 1, count: 100_000)))
        stream.shutdownWrite()
        stream.close()
        stream.reset()
    }

    func closed(_ error: (any Error)?) { ended.fire() }
}

private final class CountedHandler: StreamHandler {
    private let alive: Counter

    init(_ alive: Counter) {
        self.alive = alive
        alive.add()
    }

    deinit { alive.add(-1) }

    func received(_ bytes: RawSpan, on stream: SynchronousStream) { stream.write(bytes) }
}
