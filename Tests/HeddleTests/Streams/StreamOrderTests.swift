import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct StreamOrderTests {
        @Test(arguments: StreamKind.all)
        func `two ends that take turns get each other's every word`(kind: StreamKind) async throws {
            // libuv: tcp_ping_pong.
            try await kind.withPair { near, far in
                async let answered: Void = {
                    for round in 0..<200 {
                        let ping = Bytes("ping \(round)\n")
                        let heard = try await far.read(exactly: ping.count)
                        #expect(heard == ping)
                        try await far.write("pong \(round)\n")
                    }
                }()
                for round in 0..<200 {
                    try await near.write("ping \(round)\n")
                    let pong = Bytes("pong \(round)\n")
                    let heard = try await near.read(exactly: pong.count)
                    #expect(heard == pong)
                }
                try await answered
            }
        }

        @Test(arguments: StreamKind.all)
        func `flushes end in the order of their writes`(kind: StreamKind) async throws {
            // libuv: tcp_write_queue_order.
            var options = TCPOptions()
            options.limits.unsentHighWater = 1 << 30
            try await kind.withPeer(options: options) { near, peer in
                let order = Recorder<Int>()
                var flushes: [Task<Void, any Error>] = []
                var pattern = Pattern()
                // Until several wait, whatever the kernel takes before.
                while try await near.inside({ $0.waitingFlushers.count }) < 6 {
                    let number = flushes.count
                    try await near.write(pattern.next(60_000))
                    // On the loop, so that nothing comes between the flush and the note.
                    flushes.append(
                        Task(executorPreference: near.core.loop) {
                            try await near.flush()
                            order.add(number)
                        })
                    try await near.until("a flush that ended or waits") {
                        $0.waitingFlushers.count + order.count > number
                    }
                }
                var sent = Pattern()
                while order.count < flushes.count {
                    if peer.waitReadable(milliseconds: 0) {
                        expect(sent.matches(try peer.readOnce(upTo: 50_000)), true)
                    }
                    try await near.turnOfLoop()
                }
                for flush in flushes { try await flush.value }
                #expect(order.all == Array(0..<flushes.count))
                near.reset()
            }
        }

        /// What a handler's own calls bring about comes later, from the loop, never from inside them: so
        /// no handler is re-entered and no stack grows with the traffic.
        @Test func `a handler is never called from inside one of its own calls`() async throws {
            // libuv: callback_stack.
            let log = CallLog()
            let closed = Signal()
            try await withTestRuntime(threads: 1) { runtime in
                var options = ListenOptions()
                options.connection.limits.unsentHighWater = 1_000
                options.connection.limits.unsentLowWater = 0
                try await servingObjects(
                    on: runtime, options: options, grace: .zero,
                    objects: { GreedyHandler(log, closed) }
                ) { server in
                    let peer = try RawSocket.connected(to: server.localAddress)
                    defer { peer.close() }
                    for round in 0..<500 {
                        try peer.write([UInt8(truncatingIfNeeded: round)])
                        // Each byte is answered from `received`, and more from `drained`.
                        _ = try peer.read(exactly: 40_000)
                    }
                    peer.shutdownWrite()
                    try await closed.wait()
                }
            }
            #expect(log.calls > 500)
            #expect(log.nested == 0)
            #expect(log.stackBytes < 16_384, "the stack grows: \(log.stackBytes) bytes")
        }

        /// Law 8: libuv's callbacks only record, and handlers are called when all of them are through.
        @Test func `a handler hears of bytes when the poll that brought them is over`() async throws
        {
            let streams = StreamList()
            let opened = Signal(after: 2)
            let heard = Signal(after: 2)
            try await withTestRuntime(threads: 1) { runtime in
                try await servingObjects(
                    on: runtime, grace: .zero, objects: { PollWitness(streams, opened, heard) }
                ) { server in
                    let peers = try (0..<2).map { _ in
                        try RawSocket.connected(to: server.localAddress)
                    }
                    defer { for peer in peers { peer.close() } }
                    try await opened.wait()
                    // While the loop is held up, so that one poll brings both.
                    try await runtime.loops[0].run { _ in for peer in peers { try peer.write("x") }
                    }
                    try await heard.wait()
                }
            }
            #expect(streams.unreadAtFirst == 2)
        }
    }
}

/// The streams of a test's handlers. Used on one loop, and read after its end.
// Sendable: as said.
private final class StreamList: @unchecked Sendable {
    private var streams: [StreamCore] = []
    /// What had come for all of them when the first heard of its own.
    private(set) var unreadAtFirst: Int?

    func add(_ stream: StreamCore) { streams.append(stream) }

    func heard() {
        if unreadAtFirst == nil {
            // A piece is on the stage until its handler has been shown it.
            unreadAtFirst = streams.reduce(0) { $0 + $1.unread.byteCount + $1.stagedBytes }
        }
        streams = []
    }
}

private final class PollWitness: StreamHandler {
    private let streams: StreamList
    private let whenOpened: Signal
    private let whenHeard: Signal

    init(_ streams: StreamList, _ whenOpened: Signal, _ whenHeard: Signal) {
        self.streams = streams
        self.whenOpened = whenOpened
        self.whenHeard = whenHeard
    }

    func opened(_ stream: SynchronousStream) {
        streams.add(stream.core)
        whenOpened.fire()
    }

    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        streams.heard()
        whenHeard.fire()
    }
}

/// How a handler was called. Used on one loop, and read after its end.
// Sendable: as said.
private final class CallLog: @unchecked Sendable {
    private(set) var calls = 0
    private(set) var nested = 0
    private var depth = 0
    private var addresses: ClosedRange<UInt>?

    var stackBytes: UInt { addresses.map { $0.upperBound - $0.lowerBound } ?? 0 }

    func call(_ body: () -> Void) {
        calls += 1
        if depth > 0 { nested += 1 }
        depth += 1
        var local: UInt8 = 0
        let here = withUnsafeMutablePointer(to: &local) { UInt(bitPattern: $0) }
        let range = addresses ?? here...here
        addresses = min(range.lowerBound, here)...max(range.upperBound, here)
        body()
        depth -= 1
    }
}

/// Does in each call what makes another call due.
private final class GreedyHandler: StreamHandler {
    private let log: CallLog
    private let closing: Signal

    init(_ log: CallLog, _ closing: Signal) {
        self.log = log
        self.closing = closing
    }

    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        // From above the high-water mark on, what goes straight out makes `drained` due.
        log.call { for _ in 0..<400 * bytes.byteCount { stream.write(Self.piece) } }
    }

    func drained(_ stream: SynchronousStream) {
        log.call { stream.write("") }
    }

    func inputEnded(on stream: SynchronousStream) {
        log.call {
            stream.write(Self.piece)
            stream.shutdownWrite()
            stream.close()
            stream.reset()
        }
    }

    func closed(_ error: (any Error)?) {
        log.call {}
        closing.fire()
    }

    private static let piece = Bytes([UInt8](repeating: 7, count: 100))
}
