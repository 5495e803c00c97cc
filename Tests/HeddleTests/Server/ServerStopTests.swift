import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct ServerStopTests {
        @Test(arguments: ServerKind.all)
        func `a stop lets connections end by themselves, while timers run`(kind: ServerKind)
            async throws
        {
            // FAULTS.md L4, scaled down: the heartbeat fires all through the drain.
            let beats = Counter()
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let started = Signal()
                let server = try await kind.listen(on: runtime)
                async let served: Void = server.serve { connection in
                    started.fire()
                    for try await bytes in connection.inbound { try await connection.write(bytes) }
                }
                let peer = try server.rawClient()
                try await started.wait()
                let heartbeat = loop.task {
                    for await _ in loop.ticks(every: .milliseconds(5)) { beats.add() }
                }
                let stopping = Task { try await server.stop(within: .seconds(20)) }
                // New clients are turned away while the old one is still served.
                try await waiting(for: .seconds(10), "a closed listener") {
                    while let early = try? server.rawClient() {
                        early.close()
                        try await loop.clock.sleep(for: .milliseconds(1))
                    }
                }
                let before = beats.value
                try await waiting {
                    while beats.value < before + 10 {
                        try await loop.clock.sleep(for: .milliseconds(5))
                    }
                }
                try peer.write("still here")
                #expect(try peer.read(exactly: 10) == Array("still here".utf8))
                peer.close()
                try await waiting { try await stopping.value }
                try await served
                heartbeat.cancel()
                _ = await heartbeat.result
            }
        }

        @Test(arguments: [true, false], ServerKind.all)
        func `a stop of the runtime drains its servers, with heartbeats`(
            inTime: Bool, kind: ServerKind
        ) async throws {
            let runtime = try Runtime.start(.init(threads: 2))
            let started = Signal(after: 2)
            let outcomes = Recorder<String>()
            // One connection for each loop: a loop without any would end at once.
            let server = try await kind.balancing(.leastConnections).listen(on: runtime)
            let served = Task {
                try await server.serve { connection in
                    started.fire()
                    try await echo(connection, outcomes)
                }
            }
            let peers = try (0..<2).map { _ in try server.rawClient() }
            try await started.wait()
            let stopRequested = Signal()
            let beatsWhileStopping = Signal(after: 5)
            let loop = runtime.loops[0]
            let heartbeat = loop.task {
                for await _ in loop.ticks(every: .milliseconds(5)) where stopRequested.hasFired {
                    beatsWhileStopping.fire()
                }
            }
            let clock = ContinuousClock()
            let start = clock.now
            let grace = inTime ? Duration.seconds(20) : .milliseconds(100)
            stopRequested.fire()
            let stopping = Task { try await runtime.stop(within: grace) }
            if inTime {
                try await waiting { try await beatsWhileStopping.wait() }
                for peer in peers {
                    try peer.write("late")
                    #expect(try peer.read(exactly: 4) == Array("late".utf8))
                    peer.close()
                }
            }
            try await waiting(for: .seconds(10), "the stop") { try await stopping.value }
            let took = start.duration(to: clock.now)
            try await served.value
            #expect(outcomes.all == Array(repeating: inTime ? "ended" : "cancelled", count: 2))
            if !inTime {
                #expect(took >= .milliseconds(100) && took < .milliseconds(1_200))
                for peer in peers { peer.close() }
            }
            _ = await heartbeat.result
            for loop in runtime.loops { await expectNothingLeft(on: loop) }
        }

        @Test(arguments: ServerKind.all)
        func `connections past the deadline see their cancellation and are closed`(kind: ServerKind)
            async throws
        {
            // FAULTS.md L13.
            try await withTestRuntime(threads: 2) { runtime in
                let started = Signal(after: 6)
                let seen = Recorder<String>()
                let server = try await kind.listen(on: runtime)
                async let served: Void = server.serve { connection in
                    started.fire()
                    do { _ = try await connection.read() } catch { seen.add("\(type(of: error))") }
                }
                let peers = try (0..<6).map { _ in try server.rawClient()
                }
                try await started.wait()
                let clock = ContinuousClock()
                let start = clock.now
                try await server.stop(within: .milliseconds(100))
                let took = start.duration(to: clock.now)
                #expect(took >= .milliseconds(100) && took < .milliseconds(1_100), "\(took)")
                try await served
                #expect(seen.all == Array(repeating: "CancellationError", count: 6))
                for peer in peers { peer.close() }
            }
        }

        @Test(arguments: [true, false], ServerKind.all)
        func `a peer that takes nothing does not hold up a stop past its deadline`(
            withObjects: Bool, kind: ServerKind
        ) async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let server = try await kind.listen(on: runtime)
                let full = Signal()
                let served = Task {
                    if withObjects {
                        try await server.serve(handler: { Flood(full) })
                    } else {
                        try await server.serve { connection in
                            try await connection.write(
                                Bytes([UInt8](repeating: 1, count: 20_000_000)))
                            full.fire()
                        }
                    }
                }
                // A small buffer: the kernel could take more than was written, and nothing be left.
                let peer = try server.rawClient(receiveBufferBytes: 8_192)
                defer { peer.close() }
                try await full.wait()
                let clock = ContinuousClock()
                let start = clock.now
                try await waiting { try await server.stop(within: .milliseconds(100)) }
                let took = start.duration(to: clock.now)
                #expect(took >= .milliseconds(100) && took < .milliseconds(1_100), "\(took)")
                try await waiting { try await served.value }
            }
        }

        @Test(arguments: [true, false], ServerKind.all)
        func `a handler that ignores its cancellation is ended by the runtime's stop`(
            reads: Bool, kind: ServerKind
        ) async throws {
            let runtime = try Runtime.start(.init(threads: 1))
            let started = Signal()
            let ended = Signal()
            let gone = Signal()
            let server = try await kind.listen(on: runtime)
            let served = Task {
                try await server.serve { connection in
                    started.fire()
                    if reads {
                        // A stranger's read, which cancelling the handler does not end.
                        let stranger = Task { try? await connection.read() }
                        _ = await stranger.value
                    } else {
                        await withCheckedContinuation { continuation in
                            Task {
                                try? await gone.wait()
                                continuation.resume()
                            }
                        }
                        // Late: the loop is gone.
                        let error = await #expect(throws: (any Error).self) {
                            try await connection.read()
                        }
                        #expect(
                            error is CancellationError || (error as? IOError)?.code == .loopStopped)
                    }
                    ended.fire()
                }
            }
            let peer = try server.rawClient()
            defer { peer.close() }
            try await started.wait()
            try await waiting(for: .seconds(5), "the stop") {
                try await runtime.stop(within: .zero)
            }
            gone.fire()
            try await waiting(for: .seconds(5), "the server") { try await served.value }
            try await waiting(for: .seconds(5), "the handler") { try await ended.wait() }
            await expectNothingLeft(on: runtime.loops[0])
        }

        @Test(arguments: ServerKind.all)
        func `stopping a server is safe any number of times, from anywhere`(kind: ServerKind)
            async throws
        {
            try await withTestRuntime(threads: 2) { runtime in
                let server = try await kind.listen(on: runtime)
                let served = Task {
                    try await server.serve { connection in
                        for try await bytes in connection.inbound {
                            try await connection.write(bytes)
                        }
                    }
                }
                let peer = try server.rawClient()
                try peer.write("x")
                _ = try peer.read(exactly: 1)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<8 {
                        group.addTask(
                            executorPreference: index % 2 == 0 ? runtime.nextLoop.taskExecutor : nil
                        ) {
                            try await server.stop(within: .milliseconds(50))
                        }
                    }
                    try await group.waitForAll()
                }
                try await served.value
                try await server.stop()
                peer.close()
                let error = await #expect(throws: IOError.self) {
                    try await server.stop(within: .seconds(-1))
                }
                #expect(error?.code == .invalidArgument)
            }
        }

        @Test(arguments: ServerKind.all)
        func `a handler may stop its own server`(kind: ServerKind) async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let server = try await kind.listen(on: runtime)
                let served = Task {
                    try await server.serve { connection in
                        _ = try await connection.read()
                        let stop = Task { try await server.stop(within: .seconds(5)) }
                        try await connection.write("stopping")
                        _ = stop
                    }
                }
                let peer = try server.rawClient()
                try peer.write("stop")
                #expect(try peer.readToEnd() == Array("stopping".utf8))
                peer.close()
                try await waiting { try await served.value }
            }
        }

        @Test(arguments: ServerKind.all)
        func `a stop after the runtime's stop returns`(kind: ServerKind) async throws {
            let server = try await withTestRuntime(threads: 2) { runtime in
                try await kind.listen(on: runtime)
            }
            try await waiting { try await server.stop() }
            try await waiting { try await server.serve { _ in } }
        }
    }
}

private final class Flood: StreamHandler {
    private let full: Signal

    init(_ full: Signal) {
        self.full = full
    }

    func opened(_ stream: SynchronousStream) {
        stream.write(Bytes([UInt8](repeating: 1, count: 20_000_000)))
        stream.close()
        full.fire()
    }

    func received(_ bytes: RawSpan, on stream: SynchronousStream) {}
}

/// Echoes, and tells how that ended.
private func echo(_ connection: ByteStream, _ outcomes: Recorder<String>) async throws {
    do {
        while let bytes = try await connection.read() { try await connection.write(bytes) }
        outcomes.add("ended")
    } catch is CancellationError {
        outcomes.add("cancelled")
        throw CancellationError()
    }
}
