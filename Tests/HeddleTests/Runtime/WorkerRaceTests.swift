import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct WorkerRaceTests {
        /// L1: ten thousand cycles, a hundred thousand with `HEDDLE_TEST_SCALE=full`.
        @Test func `create, run and stop over and over leaves nothing`() async throws {
            let check = try await ResourceCheck()
            let threads = ResourceCheck.threadCount
            var before = ProcessMemory.now
            let cycles = TestScale.times(10_000, full: 100_000)
            for cycle in 0..<cycles {
                // What pools and caches take once they have by now.
                if cycle == cycles / 10 { before = .now }
                let worker = Worker(name: "cycle")
                try worker.start()
                let loop = try worker.loop
                await loop.run { _ in }
                try await worker.stop()
                if !loop.core.uv.isClosed { Issue.record("a loop is open after its end") }
            }
            let after = ProcessMemory.now
            // A loop that is left has tens of kilobytes of memory, a thread 8 MB of address space.
            if !ProcessMemory.isSanitized {
                #expect(after.residentBytes - before.residentBytes < 1_000 * cycles)
                #expect(after.addressSpaceBytes - before.addressSpaceBytes < 100_000 * cycles)
            }
            check.expectUnchanged()
            // Pools may have grown by a few; a leak would count in hundreds.
            #expect(ResourceCheck.threadCount < threads + 16)
        }

        /// L2: the body fails while eight threads stop and wait and a timer fires.
        @Test(arguments: Seed.some(5))
        func `a failure reaches eight waiters at once and any later one`(seed: Seed) async throws {
            var random = seed.generator
            for _ in 0..<TestScale.times(20, full: 500) {
                let delay = Duration.microseconds(Int.random(in: 0...2000, using: &random))
                let spins = (0..<8).map { _ in Int.random(in: 0...30_000, using: &random) }
                let phases = Recorder<StopPhase>()
                let failed = Recorder<LoopClock.Instant>()
                let told = Recorder<LoopClock.Instant>()
                let worker = Worker(name: "failing") { loop in
                    loop.observeStop { phases.add($0) }
                    loop.task { try await loop.clock.sleep(for: .milliseconds(1)) }
                    try? await loop.clock.sleep(for: delay)
                    failed.add(loop.clock.now)
                    throw WaitedTooLong()
                }
                try worker.start()
                let loop = try worker.loop
                let failures = Counter()
                try await onThreads(8) { index in
                    for _ in 0..<spins[index] where loop.isCurrent { break }
                    do {
                        if index % 2 == 0 {
                            try worker.stopAndWait(timeout: .seconds(20))
                        } else {
                            try worker.waitUntilStopped(timeout: .seconds(20))
                        }
                    } catch is WaitedTooLong {
                        failures.add()
                        told.add(loop.clock.now)
                    } catch {
                        Issue.record(error)
                    }
                }
                #expect(failures.value == 8)
                let waits = told.all.map { failed.all[0].duration(to: $0) }
                #expect(waits.allSatisfy { $0 < .seconds(1) }, "\(waits)")
                // Torn down once, each step of it.
                #expect(phases.all == [.connectionsEnded, .timersClosed, .inboxShut, .loopClosed])
                await #expect(throws: WaitedTooLong.self) { try await worker.wait() }
                await expectNothingLeft(on: loop)
            }
        }

        /// L3: start against stop, from eight threads, in any order.
        @Test(arguments: Seed.some(4))
        func `starts and stops from eight threads end in one end`(seed: Seed) async throws {
            var random = seed.generator
            let check = try await ResourceCheck()
            for _ in 0..<TestScale.times(100, full: 3_000) {
                let starters = Int.random(in: 1...7, using: &random)
                let spins = (0..<8).map { _ in Int.random(in: 0...3000, using: &random) }
                let worker = Worker(name: "contested") { loop in
                    try await loop.clock.sleep(for: .seconds(1000))
                }
                try await onThreads(8) { index in
                    for _ in 0..<spins[index] where worker.name.isEmpty { break }
                    if index < starters {
                        do { try worker.start() } catch let error as IOError {
                            #expect(error.code == .loopStopped)
                        } catch {
                            Issue.record(error)
                        }
                    } else {
                        #expect(throws: Never.self) {
                            try worker.stopAndWait(within: .zero, timeout: .seconds(20))
                        }
                    }
                }
                #expect(worker.control.state == .stopped)
                if let loop = try? worker.loop { await expectNothingLeft(on: loop) }
            }
            check.expectUnchanged()
        }

        /// Wait against publish: waiters come, and are cancelled, while the end is published.
        @Test(arguments: Seed.some(4))
        func `waiters that come as the end is published all wake once`(seed: Seed) async throws {
            var random = seed.generator
            for _ in 0..<TestScale.times(300, full: 10_000) {
                let event = StoppedEvent()
                let woken = Counter()
                let cancelled = Counter()
                let waiters = (0..<6).map { index in
                    Task {
                        if index < 2 {
                            guard case .failure = await event.wait() else { return }
                            woken.add()
                        } else if await event.waitUnlessCancelled() != nil {
                            woken.add()
                        } else {
                            cancelled.add()
                        }
                    }
                }
                let spins = Int.random(in: 0...2000, using: &random)
                for _ in 0..<spins where woken.value > 100 { break }
                waiters[2].cancel()
                event.publish(.failure(WaitedTooLong()))
                waiters[3].cancel()
                for waiter in waiters { await waiter.value }
                #expect(woken.value + cancelled.value == 6)
                #expect(woken.value >= 4)
            }
        }

        /// L10: eight waiters, blocked and suspended, beside an idle loop.
        @Test func `waiting costs no CPU`() async throws {
            let worker = Worker(name: "idle")
            try worker.start()
            let tasks = (0..<4).map { _ in Task { try await worker.wait() } }
            let blocked = Signal(after: 4)
            let threads = try (0..<4).map { _ in
                try LoopThread(name: "waiter") {
                    blocked.fire()
                    try? worker.waitUntilStopped()
                }
            }
            try await blocked.wait()
            let span = Duration.milliseconds(500)
            // One per cent, and what the clock's resolution and the sleep itself may take.
            let bound = span / 100 + .milliseconds(4)
            var used = Duration.zero
            // The time is the whole process's, the test runner's too, which reports now and then. Waiters
            // that spin do so in every span, so one quiet span of a few is the proof.
            for _ in 0..<5 {
                let start = ProcessTime.used
                // Sleeps: the span over which the waiters' use of the CPU is measured.
                try await Task.sleep(for: span, clock: .continuous)
                used = ProcessTime.used - start
                if used < bound { break }
            }
            #expect(used < bound, "\(used) in \(span)")
            try await waiting { try await worker.stop() }
            for task in tasks { try await task.value }
            for thread in threads { thread.join() }
        }
    }
}
