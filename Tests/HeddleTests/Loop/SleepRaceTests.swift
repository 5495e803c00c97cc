import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct SleepRaceTests {
        /// N15 on a loop: 20,000 sleeps, half of them cancelled; 200,000 with `HEDDLE_TEST_SCALE=full`
        /// (the heap alone is tested with a million).
        @Test(arguments: Seed.some(1))
        func `many sleeps, half of them cancelled, end once each and leave nothing`(
            seed: Seed
        ) async throws {
            let count = TestScale.times(20_000, full: 200_000)
            try await withTestLoop(limit: .seconds(300)) { loop in
                var random = seed.generator
                let woken = Counter()
                let cancelled = Counter()
                let early = Counter()
                var tasks: [Task<Void, any Error>] = []
                for _ in 0..<count {
                    let limit = Duration.microseconds(Int.random(in: 0...300_000, using: &random))
                    tasks.append(
                        loop.task {
                            let deadline = loop.clock.now.advanced(by: limit)
                            do {
                                try await loop.clock.sleep(until: deadline)
                                woken.add()
                                if loop.clock.now < deadline { early.add() }
                            } catch is CancellationError {
                                cancelled.add()
                            }
                        })
                }
                for (index, task) in tasks.enumerated() where index % 2 == 0 { task.cancel() }
                for task in tasks { try await task.value }
                #expect(woken.value + cancelled.value == count)
                #expect(woken.value >= count / 2)
                #expect(early.value == 0)
                #expect(loop.core.timers.count == 0)
            }
        }

        /// Cancel against fire: cancelled from another thread at about the moment of the deadline.
        @Test(arguments: Seed.some(2))
        func `a sleep cancelled at its deadline ends one way or the other`(seed: Seed) async throws
        {
            let rounds = TestScale.times(1_000, full: 50_000)
            try await withTestRuntime(threads: 1, limit: .seconds(300)) { runtime in
                var random = seed.generator
                let loop = runtime.loops[0]
                var endings: [Bool] = []
                for _ in 0..<rounds {
                    let task = loop.task { try await loop.clock.sleep(for: .microseconds(300)) }
                    let spins = Int.random(in: 0..<4000, using: &random)
                    for _ in 0..<spins where task.isCancelled { break }
                    task.cancel()
                    do {
                        try await task.value
                        endings.append(true)
                    } catch is CancellationError {
                        endings.append(false)
                    }
                }
                #expect(endings.count == rounds)
                let timers = await loop.run { $0.core.timers.count }
                #expect(timers == 0)
            }
        }

        /// Stop against sleep: a hundred loops end while tasks sleep, wake and are cancelled.
        @Test(arguments: Seed.some(2))
        func `a loop that stops among sleepers leaves none waiting`(seed: Seed) async throws {
            var random = seed.generator
            for _ in 0..<TestScale.times(50, full: 1000) {
                let worker = Worker(name: "sleepers")
                try worker.start()
                let loop = try worker.loop
                let tasks = (0..<20).map { _ in
                    let limit = Duration.microseconds(Int.random(in: 0...3000, using: &random))
                    return loop.task {
                        while true { try await loop.clock.sleep(for: limit + .microseconds(1)) }
                    }
                }
                let spins = Int.random(in: 0..<20_000, using: &random)
                for _ in 0..<spins where loop.isCurrent { break }
                tasks[0].cancel()
                try await waiting { try await worker.stop(within: .zero) }
                for task in tasks {
                    let outcome = try await waiting { await task.result }
                    #expect(throws: (any Error).self) { try outcome.get() }
                }
                await expectNothingLeft(on: loop)
            }
        }
    }
}
