import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct StreamClosingTests {
        // MARK: Half-close

        @Test(arguments: StreamKind.all)
        func `a half-close ends the peer's input and leaves the other way open`(
            kind: StreamKind
        ) async throws {
            try await kind.withPair { near, far in
                try await near.write("question")
                try await near.shutdownWrite()
                #expect(try await far.read(exactly: 8) == "question")
                #expect(try await far.read() == nil)
                try await far.write("answer")
                try await far.close()
                #expect(try await near.read(exactly: 6) == "answer")
                #expect(try await near.read() == nil)
            }
        }

        @Test(arguments: StreamKind.all)
        func `both ends half-close at once and every byte arrives`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                let total = 3_000_000
                async let wroteNear: Void = near.writePatternAndFinish(
                    total, largest: 9_000, seed: Seed(number: 1))
                async let wroteFar: Void = far.writePatternAndFinish(
                    total, largest: 9_000, seed: Seed(number: 2))
                async let readNear = near.expectPatternToEnd()
                #expect(try await far.expectPatternToEnd() == total)
                #expect(try await readNear == total)
                _ = try await (wroteNear, wroteFar)
                #expect(try await near.read() == nil)
                try await near.close()
                try await far.close()
            }
        }

        @Test(arguments: StreamKind.all)
        func `a second shutdown does nothing, and a write after it is refused`(
            kind: StreamKind
        ) async throws {
            try await kind.withPair { near, far in
                try await near.shutdownWrite()
                try await near.shutdownWrite()
                let error = await #expect(throws: IOError.self) { try await near.write("late") }
                #expect(error?.code == .closed)
                #expect(error?.reason == "this side's output was shut down")
                try await near.flush()
                #expect(try await far.read() == nil)
            }
        }

        // MARK: Close

        @Test(arguments: StreamKind.all)
        func `a close sends everything first`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                async let read = far.expectPatternToEnd()
                try await near.writePattern(5_000_000)
                try await near.close()
                #expect(try await read == 5_000_000)
            }
        }

        @Test(arguments: StreamKind.all)
        func `closing again does nothing`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                try await near.write("x")
                async let first: Void = near.close()
                async let second: Void = near.close()
                _ = try await (first, second)
                try await near.close()
                near.reset()
                #expect(try await far.read() == "x")
                #expect(try await far.read() == nil)
            }
        }

        @Test(arguments: StreamKind.all)
        func `whatever is done after a close is refused as closed`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                try await far.write("unread")
                try await near.until { !$0.unread.isEmpty }
                try await near.close()
                try await expectClosed { _ = try await near.read() }
                try await expectClosed { _ = try await near.read(exactly: 3) }
                try await expectClosed { try await near.write("x") }
                try await expectClosed { try await near.write(contentsOf: ["x", "y"]) }
                try await expectClosed { try await near.shutdownWrite() }
                try await expectClosed { for try await _ in near.inbound {} }
                try await expectClosed { for try await _ in near.inbound.lines {} }
                #expect(await (near as? TCPConnection)?.localAddress == nil)
            }
        }

        @Test(arguments: StreamKind.all)
        func `a close ends the read that waits`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                let reader = Task { try await near.read() }
                try await near.until { $0.reader != nil }
                try await near.close()
                try await expectClosed { _ = try await reader.value }
                #expect(try await far.read() == nil)
            }
        }

        @Test(arguments: StreamKind.all)
        func `a close ends the write that waits and sends what was taken`(
            kind: StreamKind
        ) async throws {
            try await kind.withPair { near, far in
                let writer = Task { try await near.writeUntilFailure() }
                try await near.until("a full stream") { !$0.waitingWriters.isEmpty }
                async let closed: Void = near.close()
                let (taken, error) = try await writer.value
                #expect((error as? IOError)?.code == .closed)
                #expect(try await far.expectPatternToEnd() == taken)
                try await closed
            }
        }

        @Test(arguments: StreamKind.all)
        func `a close is told of by its own kind of error, not as broken`(
            kind: StreamKind
        ) async throws {
            try await kind.withPair { near, far in
                let flusher = Task {
                    _ = try await near.writePattern(1)
                    let (_, error) = try await near.writeUntilFailure()
                    throw error
                }
                try await near.until("a full stream") { !$0.waitingWriters.isEmpty }
                near.reset()
                try await expectClosed { try await flusher.value }
                try await near.close()
                _ = try? await far.expectPatternToEnd()
            }
        }

        @Test(arguments: StreamKind.all)
        func `a close gives up on a peer that takes nothing`(kind: StreamKind) async throws {
            var options = TCPOptions()
            options.limits.closeTimeout = .milliseconds(50)
            try await kind.withPeer(options: options) { near, _ in
                let writer = Task { try await near.writeUntilFailure() }
                try await near.until("a full stream") { !$0.waitingWriters.isEmpty }
                let clock = ContinuousClock()
                let start = clock.now
                let error = await #expect(throws: IOError.self) { try await near.close() }
                #expect(error?.code == .timedOut)
                let took = start.duration(to: clock.now)
                #expect(took >= .milliseconds(50) && took < .seconds(15))
                _ = try await writer.value
                try await near.close()
            }
        }

        @Test(arguments: StreamKind.all)
        func `bytes that come while a close waits do not pile up`(kind: StreamKind) async throws {
            var options = TCPOptions()
            options.limits.unreadHighWater = 100_000
            try await kind.withPeer(options: options) { near, peer in
                let writer = Task { try await near.writeUntilFailure() }
                try await near.until("a full stream") { !$0.waitingWriters.isEmpty }
                let closer = Task { try await near.close() }
                _ = try await writer.value
                let block = [UInt8](repeating: 1, count: 65_536)
                var most = 0
                for _ in 0..<TestScale.times(100, full: 400) {
                    _ = peer.writeWhatFits(block)
                    try await near.turnOfLoop()
                    most = max(most, try await near.inside { $0.unread.byteCount })
                }
                #expect(most <= 100_000 + BufferPool.largestReadBytes)
                near.reset()
                try await closer.value
            }
        }

        @Test(arguments: StreamKind.all)
        func `a cancelled close resets instead of waiting`(kind: StreamKind) async throws {
            try await kind.withPeer { near, _ in
                let writer = Task { try await near.writeUntilFailure() }
                try await near.until("a full stream") { !$0.waitingWriters.isEmpty }
                let closer = Task { try await near.close() }
                try await near.until { !$0.waitingClosers.isEmpty }
                closer.cancel()
                try await closer.value
                #expect(try await near.inside { $0.phase } == .closed)
                _ = try await writer.value
            }
        }
    }
}

/// Expects an ``IOError`` that says that this side closed.
func expectClosed(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async throws {
    let error = await #expect(throws: IOError.self, sourceLocation: sourceLocation) {
        try await body()
    }
    #expect(error?.code == .closed, "\(String(describing: error))", sourceLocation: sourceLocation)
}

extension ByteStream {
    /// Writes the pattern until a write throws; how many bytes were taken, and the error.
    func writeUntilFailure(pieces: Int = 10_000) async throws -> (taken: Int, error: any Error) {
        var pattern = Pattern()
        while true {
            let before = pattern.position
            do {
                try await write(pattern.next(pieces))
            } catch {
                return (before, error)
            }
        }
    }
}
