import Testing

@testable import Heddle

extension HeddleTests {
    /// What a stop does with blocking work: it drains like connections, what has not begun fails, and what
    /// does not end is left and told of.
    @Suite struct BlockingStopTests {
        private struct Busy {
            let runtime: Runtime
            let release: Signal
            let first: Task<Int, any Error>
        }

        /// A runtime whose only thread for blocking work is busy until `release`.
        private func busyRuntime(loops: Int = 2) async throws -> Busy {
            var options = Runtime.Options(threads: loops)
            options.blockingThreads = 1
            let runtime = try Runtime.start(options)
            let release = Signal()
            let running = Signal()
            let first = Task {
                try await runtime.blocking { () -> Int in
                    running.fire()
                    _ = release.waitBlocking()
                    return 1
                }
            }
            try await running.wait()
            return Busy(runtime: runtime, release: release, first: first)
        }

        @Test func `a stop lets what runs and what waits come to its end`() async throws {
            let busy = try await busyRuntime()
            let second = Task { try await busy.runtime.blocking { 2 } }
            try await BlockingTests.until { busy.runtime.blockingStatistics.queued == 1 }
            busy.runtime.requestStop(within: .seconds(20))
            let third = Task { try await busy.runtime.blocking { 3 } }
            try await BlockingTests.until { busy.runtime.blockingStatistics.queued == 2 }
            busy.release.fire()
            try await waiting { try await busy.runtime.wait() }
            #expect(try await busy.first.value == 1)
            #expect(try await second.value == 2)
            #expect(try await third.value == 3, "it was asked for while the runtime drained")
        }

        @Test func `what has not begun fails when the grace is over`() async throws {
            let busy = try await busyRuntime()
            let ran = Counter()
            let second = Task { try await busy.runtime.blocking { ran.add() } }
            try await BlockingTests.until { busy.runtime.blockingStatistics.queued == 1 }
            busy.runtime.requestStop(within: .zero)
            let error = await #expect(throws: IOError.self) { try await second.value }
            #expect(error?.code == .loopStopped)
            let late = await #expect(throws: IOError.self) {
                try await busy.runtime.blocking { ran.add() }
            }
            #expect(late?.code == .loopStopped)
            // Within the half second that what was cancelled has.
            busy.release.fire()
            _ = try? await waiting { try await busy.runtime.wait() }
            #expect(try await busy.first.value == 1)
            #expect(ran.value == 0)
        }

        @Test func `work that does not end is left, every stop says so, and its call still ends`()
            async throws
        {
            let busy = try await busyRuntime(loops: 1)
            for _ in 0..<2 {
                let error = await #expect(throws: IOError.self) {
                    try await waiting { try await busy.runtime.stop(within: .zero) }
                }
                #expect(error?.code == .timedOut)
                #expect(error.map { "\($0)" }?.contains("1 call ") == true)
            }
            for loop in busy.runtime.loops { await expectNothingLeft(on: loop) }
            busy.release.fire()
            #expect(try await waiting { try await busy.first.value } == 1)
            let error = await #expect(throws: IOError.self) { try await busy.runtime.wait() }
            #expect(error?.code == .timedOut)
        }

        @Test func `the blocking forms refuse the pool's own threads`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                try await runtime.blocking {
                    for call in [
                        { try runtime.stopAndWait() }, { try runtime.waitUntilStopped() },
                    ] {
                        let error = #expect(throws: IOError.self) { try call() }
                        #expect(error?.code == .wrongThread)
                    }
                }
            }
        }

        @Test func `a runtime that is dropped ends its threads`() async throws {
            let threads = Recorder<Int>()
            do {
                let runtime = try Runtime.start(.init(threads: 1))
                try await runtime.blocking { threads.add(ResourceCheck.currentThread) }
                threads.add(await runtime.loops[0].run { _ in ResourceCheck.currentThread })
            }
            // They end by themselves: nobody is left to join them. The loop's own is the last, and has descriptors.
            let names = Set(threads.all.map { "\($0)" })
            for _ in 0..<10_000
            where !names.isDisjoint(with: ResourceCheck.entries(of: "/proc/self/task")) {
                // Sleeps: the end of a detached thread is announced to nobody.
                try await Task.sleep(for: .milliseconds(1), clock: .continuous)
            }
            ResourceCheck.expectEnded(threads: threads.all)
        }

        @Test func `a runtime on the calling thread has the pool too`() throws {
            let answer = try Runtime.runBlocking(.init(threads: 1)) { runtime in
                try await runtime.blocking { 42 }
            }
            #expect(answer == 42)
        }

        /// Cancel against run, and stop against all: each call ends once, and says truly whether it ran.
        @Test(arguments: Seed.some(4))
        func `calls cancelled at random, and a stop among them, each end once`(
            seed: Seed
        ) async throws {
            var random = seed.generator
            for round in 0..<TestScale.times(12, full: 300) {
                var options = Runtime.Options(threads: 2)
                options.blockingThreads = 1 + round % 3
                let runtime = try Runtime.start(options)
                let (ran, returned, failed) = (Counter(), Counter(), Counter())
                let spins = (0..<300).map { _ in Int.random(in: -300..<600, using: &random) }
                let tasks = spins.indices.map { index in
                    runtime.loops[index % 2].task {
                        do {
                            try await runtime.blocking { _ = ran.add() }
                            returned.add()
                        } catch { failed.add() }
                    }
                }
                for (task, spins) in zip(tasks, spins) where spins >= 0 {
                    for _ in 0..<spins where task.isCancelled { break }
                    task.cancel()
                }
                let start = ContinuousClock.now
                do {
                    try await waiting { try await runtime.stop(within: .zero) }
                } catch let error as IOError where error.code == .timedOut {
                    // A call whose thread the system kept from running all the half second that it had.
                    #expect(start.duration(to: .now) >= .milliseconds(500))
                }
                for task in tasks { try await waiting { try await task.value } }
                #expect(returned.value + failed.value == 300)
                #expect(ran.value == returned.value)
                #expect(runtime.blockingStatistics.completed == ran.value)
            }
        }
    }
}
