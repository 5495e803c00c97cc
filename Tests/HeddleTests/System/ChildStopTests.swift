import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// FAULTS L12 for child processes, and what a stop of the loop means for them.
    @Suite struct ChildStopTests {
        private static func expectGone(
            _ process: Int32, sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(kill(process, 0) != 0 && errno == ESRCH, sourceLocation: sourceLocation)
        }

        @Test func `a stop lets a program end within its grace`() async throws {
            let child = try await ChildProcessTests.withLoop(grace: .seconds(1000)) { loop in
                var configuration = ChildProcessTests.shell("read x; exit 3")
                configuration.standardInput = .stream
                let child = try await ChildProcess.spawn(configuration, on: loop)
                loop.task {
                    // When the stop has begun.
                    try await loop.clock.sleep(for: .milliseconds(50))
                    try await child.standardInput!.close()
                }
                return child
            }
            #expect(try await child.wait() == .exited(3))
        }

        @Test func `past the grace a program is terminated`() async throws {
            let child = try await ChildProcessTests.withLoop(grace: .zero) { loop in
                try await ChildProcess.spawn(
                    .init(.name("sleep"), arguments: ["1000"]), on: loop)
            }
            #expect(try await child.wait() == .signaled(.terminate))
            await child.terminate()
            let error = await #expect(throws: IOError.self) { try await child.send(.kill) }
            #expect(error?.code == .closed)
        }

        @Test func `one that ignores that is killed before the loop ends`() async throws {
            let left = Recorder<ContinuousClock.Instant>()
            let child = try await ChildProcessTests.withLoop(grace: .zero) { loop in
                var configuration = ChildProcessTests.shell(
                    "trap '' TERM; echo ready; while :; do sleep 0.05; done")
                configuration.standardOutput = .stream
                let child = try await ChildProcess.spawn(configuration, on: loop)
                _ = try await child.standardOutput!.read(exactly: 6)
                left.add(.now)
                return child
            }
            // A quarter of a second, on a machine that is not busy.
            #expect(left.all[0].duration(to: .now) < .seconds(5))
            #expect(try await child.wait() == .signaled(.kill))
        }

        @Test func `a waiting task gets how its program ended`() async throws {
            let wait = try await ChildProcessTests.withLoop(grace: .zero) { loop in
                let child = try await ChildProcess.spawn(
                    .init(.name("sleep"), arguments: ["1000"]), on: loop)
                return loop.task { try await child.wait() }
            }
            #expect(try await wait.value == .signaled(.terminate))
        }

        @Test func `a program whose loop was left without a drain is killed and waited for`()
            async throws
        {
            // Closing the handle of a live process would leave a zombie.
            try await ChildProcessTests.withLoop { loop in
                let child = try await ChildProcess.spawn(
                    .init(.name("sleep"), arguments: ["1000"]), on: loop)
                await loop.run { loop in
                    for handle in loop.core.uv.openHandles() where handle.kind == .process {
                        handle.closeForced()
                        handle.closeForced()
                    }
                }
                Self.expectGone(child.processID)
                #expect(try await child.wait() == .signaled(.kill))
            }
        }

        @Test func `a program that somebody else waited for does not hold the stop up`()
            async throws
        {
            let child = try await ChildProcessTests.withLoop(grace: .zero) { loop in
                let child = try await ChildProcess.spawn(
                    .init(.name("sleep"), arguments: ["1000"]), on: loop)
                await loop.run { _ in
                    // Before the loop can: it hears of the end only when it polls.
                    kill(child.processID, SIGKILL)
                    #expect(waitpid(child.processID, nil, 0) == child.processID)
                }
                return child
            }
            let error = await #expect(throws: IOError.self) { try await child.wait() }
            #expect(error?.code == .system)
        }

        /// L12: 6 times, 1,000 with `HEDDLE_TEST_SCALE=full`.
        @Test(arguments: Seed.some(TestScale.times(6, full: 1_000)))
        func `a stop at a random moment ends every program and every wait`(
            seed: Seed
        ) async throws {
            var random = seed.generator
            let moment = Int.random(in: 0...20, using: &random)
            let ended = Counter()
            let count = 4
            let waits = try await ChildProcessTests.withLoop(grace: .zero) { loop in
                var waits: [Task<Void, any Error>] = []
                for index in 0..<count {
                    waits.append(
                        loop.task {
                            defer { ended.add() }
                            let script = [
                                "exit 1", "echo x; sleep 1000", "cat", "trap '' TERM; yes",
                            ]
                            var configuration = ChildProcessTests.shell(script[index])
                            // Those of every second seed end as groups.
                            if seed.number & 1 == 0 { configuration.processGroupID = 0 }
                            _ = try await ChildProcess.run(
                                configuration, on: loop,
                                input: Bytes(repeatElement(7, count: 100_000)), limit: 1 << 30)
                        })
                }
                try await loop.clock.sleep(for: .milliseconds(moment))
                return waits
            }
            for wait in waits { _ = await wait.result }
            #expect(ended.value == count)
        }

        /// Cancelling at random moments: each run ends once, and leaves nothing.
        @Test(arguments: Seed.some(TestScale.times(5, full: 100)))
        func `a run cancelled at a random moment leaves no program`(seed: Seed) async throws {
            try await ChildProcessTests.withLoop { loop in
                var random = seed.generator
                for _ in 0..<8 {
                    var configuration = ChildProcessTests.shell("cat; sleep 1000")
                    if Bool.random(using: &random) { configuration.processGroupID = 0 }
                    let run = loop.task { [configuration] in
                        try await ChildProcess.run(configuration, on: loop, input: "text")
                    }
                    try await loop.clock.sleep(
                        for: .microseconds(Int.random(in: 0...5_000, using: &random)))
                    run.cancel()
                    await #expect(throws: CancellationError.self) { try await run.value }
                    let children = waitpid(-1, nil, WNOHANG)
                    #expect(children == -1 && errno == ECHILD)
                }
            }
        }

        @Test func `two loops and two runtimes wait for their own programs alone`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let other = Worker(name: "other")
                try other.start()
                let loops = try runtime.loops + [other.loop]
                let statuses = try await withThrowingTaskGroup(
                    of: (Int32, TerminationStatus).self
                ) { group in
                    for index in 0..<30 {
                        let status = Int32(index)
                        let loop = loops[index % loops.count]
                        group.addTask {
                            let result = try await ChildProcess.run(
                                ChildProcessTests.shell("exit \(status)"), on: loop)
                            return (status, result.terminationStatus)
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(statuses.count == 30)
                #expect(statuses.allSatisfy { $0.1 == .exited($0.0) })
                try await other.stop(within: .zero)
            }
            ChildProcessTests.expectNoChildren()
        }
    }
}
