import Testing

@testable import Heddle

extension HeddleTests {
    /// What a stop does to whatever is under way on its loop.
    @Suite struct StopTests {
        /// Law 5: what closes when, of a server with a connection, a timer and a body.
        @Test func `the phases of a stop come in order, each once`() async throws {
            let phases = Recorder<StopPhase>()
            let runtime = try Runtime.start(.init(threads: 1))
            let loop = runtime.loops[0]
            let timers = Recorder<Int>()
            let core = loop.core
            loop.observeStop {
                phases.add($0)
                timers.add(core.timers.count)
            }
            let server = try await runtime.listen(on: .loopback(port: 0))
            let ended = Recorder<Int>()
            let started = Signal()
            let served = Task {
                try await server.serve { connection in
                    started.fire()
                    _ = try? await connection.read()
                    ended.add(phases.count)
                }
            }
            let peer = try RawSocket.connected(to: server.localAddress)
            defer { peer.close() }
            try await started.wait()
            let sleeper = loop.task { try await loop.clock.sleep(for: .seconds(1_000)) }
            try await waiting { try await runtime.stop(within: .milliseconds(30)) }
            try await served.value
            #expect(
                phases.all == [
                    .listenerClosed, .connectionsEnded, .timersClosed, .inboxShut, .loopClosed,
                ])
            #expect(ended.all == [1], "the listener goes first, the connection before the timers")
            #expect(timers.all == [2, 1, 0, 0, 0], "the sleeper's, and first that of the grace")
            await #expect(throws: IOError.self) { try await sleeper.value }
            await expectNothingLeft(on: loop)
        }

        /// L12, for each operation by itself; up to sixty stops each, a thousand with
        /// `HEDDLE_TEST_SCALE=full`.
        @Test(arguments: Operation.allCases, Seed.some(1))
        func `a stop ends what is under way within a second, once`(
            operation: Operation, seed: Seed
        ) async throws {
            var random = seed.generator
            for _ in 0..<TestScale.times(operation.stops, full: 1_000) {
                let check = try await ResourceCheck()
                let worker = Worker(name: "stopped")
                try worker.start()
                let loop = try worker.loop
                let scene = try await operation.scene(on: loop)
                let began = Signal()
                let endings = Counter()
                let task = loop.task {
                    defer { endings.add() }
                    began.fire()
                    try await scene.run()
                }
                if Bool.random(using: &random) { try await began.wait() }
                for _ in 0..<Int.random(in: 0...20, using: &random) { await Task.yield() }
                let clock = ContinuousClock()
                let start = clock.now
                try await waiting { try await worker.stop(within: .zero) }
                let outcome = try await waiting { await task.result }
                #expect(start.duration(to: clock.now) < .seconds(1))
                #expect(endings.value == 1)
                switch outcome {
                case .success: #expect(operation.endsQuietly)
                case .failure(let error):
                    let code = (error as? IOError)?.code
                    #expect(code == .loopStopped || code == .closed, "\(error)")
                }
                await expectNothingLeft(on: loop)
                scene.end()
                if operation == .lookingUp { try await Self.waitForLookUps(of: loop) }
                check.expectUnchanged()
            }
        }

        /// A look-up that has begun goes on without its loop, and the system's resolver has files open.
        private static func waitForLookUps(of loop: EventLoop) async throws {
            let threads = "/proc/self/task"
            try await waiting("the end of the look-ups") {
                while ResourceCheck.entries(of: threads).contains(where: {
                    AvailableCPUs.contents(of: "\(threads)/\($0)/comm") == "\(loop.name)-names\n"
                }) {
                    // Sleeps: the end of a thread that was left to itself is announced to nobody.
                    try await Task.sleep(for: .milliseconds(1), clock: .continuous)
                }
            }
        }
    }
}

/// Something that would wait for ever, or go on for ever, on a loop.
enum Operation: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case accepting, connecting, lookingUp, reading, readingInTime, writing, flushing, closing
    case sleeping, ticking
    case connectingByName, connectingToPath, receivingDatagrams, sendingDatagrams, readingFrames
    case readingPipe, writingPipe, openingPipe, copying, sendingFile, readingFile, watchingFiles
    case watchingSignals, watchingDescriptor, runningProgram

    /// How often a plain run stops it; those that have more to set up, less often.
    fileprivate var stops: Int {
        Self.allCases.firstIndex(of: self)! <= Self.allCases.firstIndex(of: .ticking)! ? 60 : 20
    }

    /// A sequence that ends, instead of a wait that fails.
    var endsQuietly: Bool { [.ticking, .watchingFiles, .watchingSignals].contains(self) }

    var testDescription: String { rawValue }

    struct Scene: Sendable {
        let run: @Sendable () async throws -> Void
        /// Closes what the scene has brought along.
        var end: @Sendable () -> Void = {}
    }

    /// More than a Unix socket takes at once.
    static let plenty = Bytes([UInt8](repeating: 1, count: 4 << 20))

    fileprivate func scene(on loop: EventLoop) async throws -> Scene {
        switch self {
        case .accepting:
            let listener = try await TCPListener.listen(on: .loopback(port: 0), loop: loop)
            return Scene(run: { _ = try await listener.accept() })
        case .connecting:
            let hole = try BlackHole()
            return Scene(
                run: { _ = try await TCPConnection.connect(to: hole.address, on: loop) },
                end: { hole.close() })
        case .lookingUp: return Scene(run: { try await Self.lookUpForEver(on: loop) })
        case .sleeping: return Scene(run: { try await loop.clock.sleep(for: .seconds(1_000)) })
        case .ticking:
            return Scene(run: { for await _ in loop.ticks(every: .milliseconds(1)) {} })
        case .reading, .readingInTime, .writing, .flushing, .closing, .readingFrames:
            return try await connectionScene(on: loop)
        case .connectingByName, .connectingToPath, .receivingDatagrams, .sendingDatagrams:
            return try await networkScene(on: loop)
        default: return try await systemScene(on: loop)
        }
    }

    private func connectionScene(on loop: EventLoop) async throws -> Scene {
        let (near, peer) = try await StreamKind.unix.connect(on: loop)
        let run: @Sendable () async throws -> Void
        switch self {
        case .readingInTime:
            run = { _ = try await withTimeout(.seconds(1_000)) { try await near.read() } }
        case .writing: run = { throw try await near.writeUntilFailure().error }
        case .flushing:
            run = {
                try await near.write(Self.plenty)
                try await near.flush()
            }
        case .closing:
            run = {
                try await near.write(Self.plenty)
                try await near.close()
            }
        case .readingFrames:
            try peer.write([0, 9, 1])
            run = { for try await _ in near.inbound.frames(.lengthPrefixed(UInt16.self)) {} }
        default: run = { _ = try await near.read() }
        }
        return Scene(run: run, end: { peer.close() })
    }

    /// Looks a name up over and over; nobody listens at the address it has.
    private static func lookUpForEver(on loop: EventLoop) async throws {
        let endpoint = try Endpoint(host: "localhost", port: 1)
        while true {
            do {
                try await TCPConnection.connect(to: endpoint, on: loop).reset()
            } catch let error as IOError where error.code == .connectionRefused {
                continue
            }
        }
    }
}
