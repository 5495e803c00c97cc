import Synchronization
import Testing

@testable import Heddle

extension HeddleTests {
    /// FAULTS.md L9: whoever lets the last reference go, the owner closes, and nothing waits for that.
    @Suite struct StreamDroppingTests {
        @Test(arguments: [StreamKind.tcpIPv4, .unix])
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

        @Test(arguments: [StreamKind.tcpIPv4, .unix])
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
                expectNothingLeft(on: runtime.loops[0])
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
    private var connections: [TCPConnection] = []

    func add(_ connection: TCPConnection) {
        lock.withLock { connections.append(connection) }
    }

    /// Lets one go, outside the lock; false when none is left.
    func dropOne() -> Bool {
        let last = lock.withLock { connections.popLast() }
        return last != nil
    }
}
