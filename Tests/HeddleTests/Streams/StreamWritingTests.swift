import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct StreamWritingTests {
        @Test(arguments: StreamKind.all)
        func `text, arrays, bytes and lists of them all arrive`(kind: StreamKind) async throws {
            try await kind.withPeer { near, peer in
                try await near.write("é")
                try await near.write([1, 2, 3])
                try await near.write(Bytes([4]))
                try await near.write(contentsOf: ["a", Bytes(), "bc"])
                try await near.write("")
                try await near.write([UInt8]())
                try await near.write(contentsOf: [])
                try await near.close()
                #expect(try peer.readToEnd() == Array("é".utf8) + [1, 2, 3, 4] + Array("abc".utf8))
            }
        }

        @Test(arguments: [StreamKind.tcpIPv4, .tcpIPv6, .unix, .pipe, .inHandler])
        func `small writes of one tick leave in one system call`(kind: StreamKind) async throws {
            guard StreamKind.all.contains(kind) else { return }
            try await kind.withPeer { near, peer in
                for number in 0..<20 { try await near.write("piece \(number);") }
                #expect(try await near.inside { $0.sentTotal } == 0)
                try await near.flush()
                let whole = (0..<20).map { "piece \($0);" }.joined()
                #expect(String(decoding: try peer.readOnce(), as: UTF8.self) == whole)
            }
        }

        /// The peer takes everything at once, so no write has to wait for it.
        @Test(arguments: [StreamKind.tcpIPv4, .unix, .pipe, .inHandler, .unixInHandler])
        func `a writer that never has to wait leaves the loop its turns`(
            kind: StreamKind
        ) async throws {
            try await kind.withPeer { near, peer in
                let loop = near.core.loop.eventLoop!
                let block = Bytes([UInt8](repeating: 7, count: 64 * 1024))
                let isDone = Signal()
                // Gets a turn only when the writer waits.
                let draining = loop.task {
                    while !isDone.hasFired {
                        Self.drain(peer)
                        try await loop.clock.sleep(for: .milliseconds(1))
                    }
                }
                for _ in 0..<20 {
                    let turns = Counter()
                    loop.post { turns.add() }
                    var writes = 0
                    while turns.value == 0, writes < 100 {
                        try await near.write(block)
                        writes += 1
                        Self.drain(peer)
                    }
                    #expect(turns.value == 1)
                }
                try await near.flush()
                isDone.fire()
                try await draining.value
            }
        }

        private static func drain(_ peer: RawSocket) {
            withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 16) { memory in
                while recv(
                    peer.descriptor, memory.baseAddress, memory.count, Int32(MSG_DONTWAIT)) > 0
                {}
            }
        }

        @Test(arguments: StreamKind.all)
        func `a list of pieces leaves in one system call`(kind: StreamKind) async throws {
            try await kind.withPeer { near, peer in
                let pieces = (0..<UVStream.maximumSlices).map { Bytes("\($0),") }
                try await near.write(contentsOf: pieces)
                try await near.flush()
                let whole = (0..<UVStream.maximumSlices).map { "\($0)," }.joined()
                #expect(String(decoding: try peer.readOnce(), as: UTF8.self) == whole)
            }
        }

        @Test(arguments: StreamKind.all, [63, 64, 65, 128, 129, 1000, 5000])
        func `any number of pieces arrives whole`(kind: StreamKind, count: Int) async throws {
            try await kind.withPair { near, far in
                var pattern = Pattern()
                var pieces: [Bytes] = []
                // Each in memory of its own, so that none are joined.
                for index in 0..<count { pieces.append(Bytes(pattern.array(1 + index % 7))) }
                let total = pattern.position
                async let read = far.expectPatternToEnd()
                try await near.write(contentsOf: pieces)
                try await near.close()
                #expect(try await read == total)
            }
        }

        @Test(arguments: StreamKind.all)
        func `what was written goes out without a flush`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                try await near.write("on its own")
                #expect(try await far.read(exactly: 10) == "on its own")
            }
        }

        @Test(arguments: StreamKind.all)
        func `a flush returns when the kernel has everything`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                async let read = far.expectPatternToEnd()
                try await near.writePattern(3_000_000)
                let target = try await near.inside { $0.sentTotal + UInt64($0.unsent.byteCount) }
                try await near.flush()
                #expect(try await near.inside { $0.sentTotal } >= target)
                #expect(try await near.inside { $0.unsent.isEmpty })
                try await near.flush()
                try await near.close()
                #expect(try await read == 3_000_000)
            }
        }

        @Test(arguments: StreamKind.all)
        func `writes from several tasks stay whole`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                let writers = 8
                let writes = 60
                let blocks = (0..<writers).map {
                    Bytes([UInt8](repeating: UInt8($0), count: 10_000))
                }
                async let read: [UInt8: Int] = {
                    var counts: [UInt8: Int] = [:]
                    while let head = try await far.read(upTo: 1) {
                        let rest = try await far.read(exactly: 9_999)
                        #expect(rest == blocks[Int(head[0])].dropFirst())
                        counts[head[0], default: 0] += 1
                    }
                    return counts
                }()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for writer in 0..<writers {
                        group.addTask {
                            for _ in 0..<writes { try await near.write(blocks[writer]) }
                        }
                    }
                    try await group.waitForAll()
                }
                try await near.close()
                let counts = try await read
                #expect(counts.count == writers)
                #expect(counts.values.allSatisfy { $0 == writes })
            }
        }

        // MARK: Back-pressure

        @Test(arguments: StreamKind.all)
        func `a peer that never reads holds up the writer, not the memory`(
            kind: StreamKind
        ) async throws {
            var options = TCPOptions()
            options.limits.unsentHighWater = 100_000
            options.limits.unsentLowWater = 10_000
            try await kind.withPeer(options: options) { near, _ in
                let piece = 30_000
                let writer = Task { try await near.writeUntilFailure(pieces: piece) }
                try await near.until("a full stream") { !$0.waitingWriters.isEmpty }
                let held = try await near.inside { $0.unsent.byteCount }
                #expect(held >= 100_000 && held < 100_000 + piece)
                near.reset()
                let (_, error) = try await writer.value
                #expect((error as? IOError)?.code == .closed)
            }
        }

        @Test func `one peer that never reads does not hold up another`() async throws {
            try await withTestLoop { loop in
                let (stuck, deaf) = try await StreamKind.tcpIPv4.connect(on: loop)
                defer { deaf.close() }
                let writer = loop.task { try await stuck.writeUntilFailure() }
                try await stuck.until("a full stream") { !$0.waitingWriters.isEmpty }
                let (near, peer) = try await StreamKind.tcpIPv4.connect(on: loop)
                defer { peer.close() }
                for _ in 0..<100 {
                    try peer.write("ping")
                    #expect(try await near.read(exactly: 4) == "ping")
                }
                stuck.reset()
                _ = try await writer.value
            }
        }

        @Test(arguments: StreamKind.all)
        func `a waiting write goes on at the low-water mark`(
            kind: StreamKind
        ) async throws {
            var options = TCPOptions()
            options.limits.unsentHighWater = 400_000
            options.limits.unsentLowWater = 50_000
            try await kind.withPeer(options: options) { near, peer in
                let writer = Task { try await near.writeUntilFailure() }
                try await near.until("a full stream") { !$0.waitingWriters.isEmpty }
                var pattern = Pattern()
                while pattern.position < 12_000_000 {
                    if peer.waitReadable(milliseconds: 0) {
                        expect(pattern.matches(try peer.readOnce(upTo: 200_000)), true)
                    }
                    // One turn of the loop, in which the kernel may take more.
                    try await near.turnOfLoop()
                    let (held, isWaiting) = try await near.inside {
                        ($0.unsent.byteCount, $0.waitingWriters.contains { $0.end == .pending })
                    }
                    #expect(held < 400_000 + 10_000)
                    #expect(held > 50_000 || !isWaiting)
                }
                near.reset()
                _ = try await writer.value
            }
        }

        @Test(arguments: StreamKind.all)
        func `a mark smaller than a tick's writes still lets them go`(kind: StreamKind) async throws
        {
            var options = TCPOptions()
            options.limits.unsentHighWater = 1
            options.limits.unsentLowWater = 0
            try await kind.withPair(options: options) { near, far in
                async let read = far.expectPatternToEnd()
                try await near.writePattern(20_000, largest: 50)
                try await near.close()
                #expect(try await read == 20_000)
            }
        }
    }
}
