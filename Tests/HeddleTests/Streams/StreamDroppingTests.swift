import Synchronization
import Testing

@testable import Heddle

extension HeddleTests {
    /// FAULTS.md L9: whoever lets the last reference go, the owner closes, and nothing waits for that.
    @Suite struct StreamDroppingTests {
        @Test(arguments: [StreamKind.tcpIPv4, .unix, .pipe])
        func `the last reference dropped on the loop closes the connection`(
            kind: StreamKind
        ) async throws {
            try await withTestLoop { loop in
                let peer = try await Self.droppingPeer(kind, on: loop, saying: "bye")
                defer { peer.close() }
                try await expectNoConnections(on: loop)
                #expect(try peer.readToEnd() == Array("bye".utf8))
            }
        }

        @Test(arguments: [StreamKind.tcpIPv4, .unix, .pipe])
        func `the last reference dropped on another thread closes the connection`(
            kind: StreamKind
        ) async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let peer = try await Self.droppingPeer(kind, on: loop, saying: "bye")
                defer { peer.close() }
                // Nothing else is posted to the loop until the end has come.
                #expect(try peer.readToEnd() == Array("bye".utf8))
                try await expectNoConnections(on: loop)
            }
        }

        @Test(arguments: DropPlace.allCases)
        func `the last reference dropped inside a callback closes the connection`(
            place: DropPlace
        ) async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let loop = runtime.loops[0]
                let box = ConnectionBox()
                let peer = try await Self.boxingPeer(on: loop, saying: "bye", box)
                defer { peer.close() }
                try await place.run(on: runtime) { #expect(box.dropOne()) }
                #expect(try peer.readToEnd() == Array("bye".utf8))
                try await expectNoConnections(on: loop)
                #expect(!box.dropOne())
            }
        }

        @Test func `references dropped on threads under load are all closed`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let count = TestScale.times(400, full: 4_000)
                let (busy, far) = try await StreamKind.tcpIPv4.connect(on: loop)
                let echo = loop.task {
                    for try await bytes in busy.inbound { try await busy.write(bytes) }
                }
                let flood = try LoopThread(name: "flood") {
                    let block = [UInt8](repeating: 1, count: 1_000)
                    while (try? far.write(block)) != nil, (try? far.read(exactly: 1_000)) != nil {}
                }
                for _ in 0..<count / 8 {
                    let box = ConnectionBox()
                    var peers: [RawSocket] = []
                    for _ in 0..<8 {
                        let (near, peer) = try await StreamKind.unix.connect(on: loop)
                        try await near.write("x")
                        box.add(near)
                        peers.append(peer)
                    }
                    try await onThreads(4) { _ in while box.dropOne() {} }
                    for peer in peers {
                        #expect(try peer.readToEnd() == Array("x".utf8))
                        peer.close()
                    }
                }
                far.shutdownBoth()
                _ = await echo.result
                flood.join()
                far.close()
                try await busy.close()
                try await expectNoConnections(on: loop)
            }
        }

        @Test func `a reference dropped while a close waits changes nothing`() async throws {
            try await withTestLoop { loop in
                let box = ConnectionBox()
                let (near, peer) = try await StreamKind.unix.connect(on: loop)
                box.add(near)
                let writer = loop.task { [near] in try await near.writeUntilFailure() }
                try await near.until("a full stream") { !$0.waitingWriters.isEmpty }
                near.reset()
                _ = box.dropOne()
                _ = try await writer.value
                peer.close()
            }
        }

        @Test func `a dropped connection whose loop has ended is let go`() async throws {
            let box = ConnectionBox()
            let peers = Recorder<RawSocket>()
            try await withTestLoop { loop in
                for _ in 0..<20 {
                    let (near, peer) = try await StreamKind.unix.connect(on: loop)
                    box.add(near)
                    peers.add(peer)
                }
                for peer in peers.all { peer.close() }
            }
            try await onThreads(4) { _ in while box.dropOne() {} }
        }

        @Test func `connections dropped while their loop stops are all closed`() async throws {
            for _ in 0..<TestScale.times(60, full: 1_000) {
                let box = ConnectionBox()
                let check = try await ResourceCheck()
                let runtime = try Runtime.start(.init(threads: 1))
                var peers: [RawSocket] = []
                for _ in 0..<8 {
                    let (near, peer) = try await StreamKind.unix.connect(on: runtime.loops[0])
                    box.add(near)
                    peers.append(peer)
                }
                runtime.requestStop(within: .zero)
                try await onThreads(3) { _ in while box.dropOne() {} }
                try await runtime.stop(within: .zero)
                for peer in peers { peer.close() }
                await expectNothingLeft(on: runtime.loops[0])
                check.expectUnchanged()
            }
        }

        /// Makes a connection, writes, and lets its only reference go where this returns.
        private static func droppingPeer(
            _ kind: StreamKind, on loop: EventLoop, saying text: String
        ) async throws -> RawSocket {
            let (near, peer) = try await kind.connect(on: loop)
            try await near.write(text)
            return peer
        }

        /// The same, but the only reference goes into `box`.
        private static func boxingPeer(
            on loop: EventLoop, saying text: String, _ box: ConnectionBox
        ) async throws -> RawSocket {
            let (near, peer) = try await StreamKind.tcpIPv4.connect(on: loop)
            try await near.write(text)
            box.add(near)
            return peer
        }
    }
}

/// A callback in which a reference may go.
enum DropPlace: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case posted, postedElsewhere, afterSleep, onCancellation, received, closed, errorHook, observer

    var testDescription: String { rawValue }

    struct Failure: Error {}

    /// Has `drop` called once in this place, and waits for that.
    fileprivate func run(on runtime: Runtime, _ drop: @escaping @Sendable () -> Void) async throws {
        let loop = runtime.loops[0]
        let dropped = Signal()
        let body: @Sendable () -> Void = {
            drop()
            dropped.fire()
        }
        switch self {
        case .posted: loop.post(body)
        case .postedElsewhere: runtime.loops[1].post(body)
        case .afterSleep:
            loop.task {
                try await loop.clock.sleep(for: .milliseconds(1))
                body()
            }
        case .onCancellation:
            let task = loop.task {
                try await withTaskCancellationHandler {
                    try await loop.clock.sleep(for: .seconds(1_000))
                } onCancel: {
                    body()
                }
            }
            task.cancel()
            _ = await task.result
        case .received, .closed: try await inHandler(on: runtime, body)
        case .errorHook:
            try await serving(on: runtime, onError: { _, _ in body() }) { _ in
                throw Failure()
            } _: { server in
                try RawSocket.connected(to: server.localAddress).close()
                try await dropped.wait()
            }
        case .observer:
            let worker = Worker(name: "observed")
            try worker.start()
            try worker.loop.observeStop { if $0 == .timersClosed { body() } }
            try await worker.stop()
        }
        try await waiting { try await dropped.wait() }
    }

    private func inHandler(
        on runtime: Runtime, _ body: @escaping @Sendable () -> Void
    ) async throws {
        try await servingObjects(on: runtime, objects: { DroppingHandler(self, body) }) { server in
            let peer = try RawSocket.connected(to: server.localAddress)
            try peer.write("x")
            #expect(try peer.readToEnd().isEmpty)
            peer.close()
        }
    }
}

private final class DroppingHandler: StreamHandler {
    private let place: DropPlace
    private let body: () -> Void

    init(_ place: DropPlace, _ body: @escaping () -> Void) {
        self.place = place
        self.body = body
    }

    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        if place == .received { body() }
        stream.close()
    }

    func closed(_ error: (any Error)?) {
        if place == .closed { body() }
    }
}

/// Waits until a loop owns no connection.
func expectNoConnections(
    on loop: EventLoop, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    try await waiting(for: .seconds(10), "the last close", sourceLocation: sourceLocation) {
        while loop.core.openConnections > 0 {
            try await loop.clock.sleep(for: .milliseconds(1))
        }
    }
}

/// Connections that several threads let go.
// Sendable: `connections` is guarded by `lock`.
private final class ConnectionBox: @unchecked Sendable {
    private let lock = Lock()
    private var connections: [ByteStream] = []

    func add(_ connection: ByteStream) {
        lock.withLock { connections.append(connection) }
    }

    /// Lets one go, outside the lock; false when none is left.
    func dropOne() -> Bool {
        let last = lock.withLock { connections.popLast() }
        return last != nil
    }
}
