import Testing

@testable import Heddle

extension HeddleTests {
    /// FAULTS.md N10: each operation ends exactly once, and no byte is lost or doubled.
    @Suite struct StreamCancellationTests {
        @Test(arguments: StreamKind.all)
        func `a cancelled read loses no byte`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                let reader = Task { try await near.read() }
                try await near.until { $0.reader != nil }
                reader.cancel()
                await expectCancelled(reader)
                try await far.write("kept")
                #expect(try await near.read(exactly: 4) == "kept")
            }
        }

        /// The cancellation is on its way, behind more than one drain runs, when the bytes come: the wait
        /// ends as cancelled with bytes there.
        @Test(arguments: StreamKind.all)
        func `a read cancelled as its bytes come loses none`(kind: StreamKind) async throws {
            try await kind.withPeer { near, peer in
                let loop = near.core.loop.eventLoop!
                let reader = Task(executorPreference: loop.taskExecutor) { try await near.read() }
                try await near.until { $0.reader != nil }
                await loop.run { loop in
                    _ = peer.writeWhatFits(Array("kept".utf8))
                    #expect(RawSocket(near.core.descriptor).waitReadable())
                    for _ in 0..<LoopCore.jobsPerDrain + 10 { loop.post {} }
                    reader.cancel()
                }
                await expectCancelled(reader)
                #expect(try await near.read() == "kept")
            }
        }

        /// The cancellation of a read that has ended comes when another task is already reading.
        @Test(arguments: [StreamKind.tcpIPv4, .unix, .offLoop])
        func `a cancellation that comes after its read does not end the next one`(
            kind: StreamKind
        ) async throws {
            try await kind.withPeer { near, peer in
                let loop = near.core.loop.eventLoop!
                let executor = loop.taskExecutor
                for _ in 0..<100 {
                    let first = Task(executorPreference: executor) { try await near.read() }
                    try await near.until { $0.reader != nil }
                    // In the order of the loop's queue: the first read ends, the next begins, and then the
                    // first one's cancellation comes.
                    let next = await loop.run { _ in
                        near.core.unread.append("one")
                        near.core.wakeReader()
                        let next = Task(executorPreference: executor) { try await near.read() }
                        first.cancel()
                        return next
                    }
                    #expect(try await first.value == "one")
                    try peer.write("two")
                    #expect(try await next.value == "two")
                }
            }
        }

        @Test(arguments: StreamKind.all)
        func `a read of a task that was cancelled before gets what has come or nothing`(
            kind: StreamKind
        ) async throws {
            try await kind.withPair { near, far in
                let early = Task { () -> Bytes? in
                    while !Task.isCancelled { await Task.yield() }
                    return try await near.read()
                }
                early.cancel()
                await expectCancelled(early)
                try await far.write("kept")
                try await near.until { !$0.unread.isEmpty }
                #expect(try await near.read(exactly: 4) == "kept")
            }
        }

        @Test(arguments: StreamKind.all)
        func `a read of an exact count cancelled in the middle gives everything back`(
            kind: StreamKind
        ) async throws {
            try await kind.withPair { near, far in
                let reader = Task { try await near.read(exactly: 10) }
                for piece in ["abc", "def"] {
                    try await near.until { $0.reader != nil && $0.unread.isEmpty }
                    try await far.write(Bytes(piece))
                    try await far.flush()
                }
                try await near.until("six bytes taken") { $0.unread.isEmpty && $0.reader != nil }
                reader.cancel()
                await expectCancelled(reader)
                try await far.write("ghij")
                #expect(try await near.read(exactly: 10) == "abcdefghij")
            }
        }

        @Test(arguments: StreamKind.all)
        func `a cancelled write takes nothing`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                let writer = Task { try await near.writeUntilFailure() }
                try await near.until("a full stream") { !$0.waitingWriters.isEmpty }
                writer.cancel()
                let (taken, error) = try await writer.value
                #expect(error is CancellationError)
                async let closed: Void = near.close()
                #expect(try await far.expectPatternToEnd() == taken)
                try await closed
            }
        }

        @Test(arguments: StreamKind.all)
        func `a cancelled flush takes nothing back`(kind: StreamKind) async throws {
            var options = TCPOptions()
            options.limits.unsentHighWater = 1 << 30
            try await kind.withPeer(options: options) { near, peer in
                var pattern = Pattern()
                // Until the kernel takes no more and a flush is cancelled while it waits for that.
                var isCancelled = false
                while !isCancelled {
                    try await near.write(pattern.next(60_000))
                    let flusher = Task { try await near.flush() }
                    try await near.turnOfLoop()
                    flusher.cancel()
                    do { try await flusher.value } catch is CancellationError { isCancelled = true }
                }
                async let closed: Void = near.close()
                var arrived = Pattern()
                while arrived.position < pattern.position {
                    if peer.waitReadable(milliseconds: 0) {
                        expect(arrived.matches(try peer.readOnce(upTo: 60_000)), true)
                    }
                    try await near.turnOfLoop()
                }
                try await closed
                #expect(try peer.readToEnd().isEmpty)
            }
        }

        @Test(arguments: StreamKind.all, Seed.some(1))
        func `reads cancelled at random moments lose no byte and double none`(
            kind: StreamKind, seed: Seed
        ) async throws {
            let rounds = TestScale.times(2_500, full: 25_000)
            try await kind.withPair { near, far in
                let writer = Task {
                    try await far.writePatternSlowly(until: Task.isCancelled, seed: seed)
                }
                var random = seed.generator
                var pattern = Pattern()
                for _ in 0..<rounds {
                    let limit = Int.random(in: 1...5_000, using: &random)
                    let exactly = Bool.random(using: &random)
                    let reader = Task {
                        exactly
                            ? try await near.read(exactly: limit) : try await near.read(upTo: limit)
                    }
                    for _ in 0..<Int.random(in: 0...6, using: &random) { await Task.yield() }
                    reader.cancel()
                    switch await reader.result {
                    case .success(let bytes?): expect(pattern.matches(bytes), true)
                    case .success(nil): Issue.record("the input ended")
                    case .failure(let error): #expect(error is CancellationError)
                    }
                }
                writer.cancel()
                let sent = try await writer.value
                async let finished: Void = far.shutdownWrite()
                let left = try await near.expectPatternToEnd(pattern)
                #expect(pattern.position + left == sent)
                try await finished
            }
        }

        @Test(arguments: StreamKind.all, Seed.some(1))
        func `writes and flushes cancelled at random moments leave whole writes only`(
            kind: StreamKind, seed: Seed
        ) async throws {
            let rounds = TestScale.times(2_500, full: 25_000)
            var options = TCPOptions()
            options.limits.unsentHighWater = 20_000
            options.limits.unsentLowWater = 5_000
            options.sendBufferBytes = 20_000
            try await kind.withPair(options: options) { near, far in
                async let read = far.expectPatternToEnd()
                var random = seed.generator
                var pattern = Pattern()
                for _ in 0..<rounds {
                    let count = Int.random(in: 1...9_000, using: &random)
                    var next = pattern
                    let bytes = next.next(count)
                    let flushes = Int.random(in: 0..<4, using: &random) == 0
                    let writer = Task {
                        try await near.write(bytes)
                        if flushes { try? await near.flush() }
                    }
                    for _ in 0..<Int.random(in: 0...4, using: &random) { await Task.yield() }
                    writer.cancel()
                    switch await writer.result {
                    case .success: pattern = next
                    case .failure(let error): #expect(error is CancellationError)
                    }
                }
                try await near.close()
                #expect(try await read == pattern.position)
            }
        }

        @Test(arguments: Seed.some(2))
        func `closes cancelled at random moments end exactly once`(seed: Seed) async throws {
            try await withTestLoop { loop in
                var random = seed.generator
                for _ in 0..<TestScale.times(300, full: 3_000) {
                    let (near, peer) = try await StreamKind.unix.connect(on: loop)
                    let size = Int.random(in: 0...1_000_000, using: &random)
                    if size > 0 { try await near.write(Bytes([UInt8](repeating: 1, count: size))) }
                    let closers = (0..<3).map { _ in loop.task { try await near.close() } }
                    for _ in 0..<Int.random(in: 0...3, using: &random) { await Task.yield() }
                    closers.randomElement(using: &random)!.cancel()
                    if Bool.random(using: &random) { peer.shutdownBoth() }
                    for closer in closers { _ = await closer.result }
                    #expect(try await near.inside { $0.phase } == .closed)
                    peer.close()
                }
            }
        }

        @Test func `cancelling a handler ends what it waits for, and a stranger's wait goes on`()
            async throws
        {
            try await withTestRuntime(threads: 1) { runtime in
                let seen = Recorder<String>()
                let reads = Signal()
                let cancelled = Signal()
                try await serving(on: runtime, grace: .zero) { connection in
                    // A task outside the handler's scope, which the cancellation must leave alone.
                    let stranger = Task { try await connection.read() }
                    try await connection.until { $0.reader != nil }
                    reads.fire()
                    do {
                        _ = try await connection.writeUntilFailure()
                    }
                    seen.add("handler cancelled: \(Task.isCancelled)")
                    cancelled.fire()
                    // The close that follows the handler ends the stranger's read.
                    try? await connection.close()
                    if case .failure(let error) = await stranger.result {
                        seen.add("stranger: \((error as? IOError)?.code.description ?? "\(error)")")
                    }
                } _: { server in
                    let peer = try RawSocket.connected(to: server.localAddress)
                    defer { peer.close() }
                    try await reads.wait()
                    try await server.stop(within: .zero)
                }
                #expect(seen.all == ["handler cancelled: true", "stranger: closed"])
            }
        }
    }
}

/// Expects a task that ended by its cancellation.
func expectCancelled<T: Sendable>(
    _ task: Task<T, any Error>, sourceLocation: SourceLocation = #_sourceLocation
) async {
    switch await task.result {
    case .success(let value):
        Issue.record("not cancelled: \(value)", sourceLocation: sourceLocation)
    case .failure(let error):
        #expect(error is CancellationError, "\(error)", sourceLocation: sourceLocation)
    }
}

extension ByteStream {
    /// Writes the pattern in small pieces with pauses until cancelled; how much was taken.
    fileprivate func writePatternSlowly(
        until isDone: @autoclosure @Sendable () -> Bool, seed: Seed
    ) async throws -> Int {
        var random = seed.generator
        var pattern = Pattern()
        while !isDone() {
            let before = pattern.position
            do {
                try await write(pattern.next(Int.random(in: 1...4_000, using: &random)))
            } catch is CancellationError {
                return before
            }
            for _ in 0..<Int.random(in: 0...3, using: &random) { await Task.yield() }
        }
        return pattern.position
    }
}
