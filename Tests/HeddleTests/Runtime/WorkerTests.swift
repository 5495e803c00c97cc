import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct WorkerTests {
        @Test func `a worker runs its body on its loop and ends with it`() async throws {
            let check = try await ResourceCheck()
            let worker = Worker(name: "once") { loop in
                #expect(loop.isCurrent)
                #expect(EventLoop.current === loop)
                try await loop.clock.sleep(for: .milliseconds(1))
            }
            try worker.start()
            try await waiting { try await worker.wait() }
            #expect(worker.control.state == .stopped)
            await expectNothingLeft(on: try worker.loop)
            check.expectUnchanged()
        }

        @Test func `starting again does nothing, from any number of threads`() async throws {
            let bodies = Counter()
            let worker = Worker(name: "idempotent") { loop in
                bodies.add()
                try await loop.clock.sleep(for: .seconds(1000))
            }
            let failures = Counter()
            try await onThreads(8) { _ in
                for _ in 0..<10 {
                    do { try worker.start() } catch { failures.add() }
                }
            }
            #expect(failures.value == 0)
            let loop = try worker.loop
            try worker.start()
            #expect(try worker.loop === loop)
            await loop.run { _ in }
            try await waiting { try await worker.stop() }
            #expect(bodies.value == 1)
        }

        @Test func `a stop before the start ends the worker for good`() async throws {
            let worker = Worker(name: "never") { _ in Issue.record("the body ran") }
            try await waiting { try await worker.stop() }
            try await waiting { try await worker.stop() }
            try await waiting { try await worker.wait() }
            let error = #expect(throws: IOError.self) { try worker.start() }
            #expect(error?.code == .loopStopped)
            let noLoop = #expect(throws: IOError.self) { try worker.loop }
            #expect(noLoop?.code == .closed)
        }

        @Test func `a stop cancels the body and waits for it`() async throws {
            let cleaned = Signal()
            let running = Signal()
            let worker = Worker(name: "cancelled") { loop in
                running.fire()
                do {
                    try await loop.clock.sleep(for: .seconds(1000))
                } catch {
                    await Task.yield()
                    cleaned.fire()
                    throw error
                }
            }
            try worker.start()
            try await running.wait()
            try await waiting { try await worker.stop() }
            #expect(cleaned.hasFired)
        }

        @Test func `what the body throws is given to every waiter, also late ones`() async throws {
            let go = Signal()
            let worker = Worker(name: "failing") { _ in
                try? await go.wait()
                throw WaitedTooLong()
            }
            try worker.start()
            let waiters = (0..<8).map { index in
                Task {
                    if index % 2 == 0 { try await worker.wait() } else { try await worker.stop() }
                }
            }
            for _ in 0..<100 { await Task.yield() }
            go.fire()
            for waiter in waiters {
                await #expect(throws: WaitedTooLong.self) { try await waiter.value }
            }
            await #expect(throws: WaitedTooLong.self) { try await worker.stop() }
            await #expect(throws: WaitedTooLong.self) { try await worker.wait() }
            try await onThreads(2) { index in
                #expect(throws: WaitedTooLong.self) { try worker.stopAndWait() }
                #expect(throws: WaitedTooLong.self) { try worker.waitUntilStopped(timeout: .zero) }
            }
        }

        @Test func `a stop from the loop itself ends it and comes back`() async throws {
            let check = try await ResourceCheck()
            let worker = Worker(name: "suicide")
            try worker.start()
            let loop = try worker.loop
            let task = loop.task {
                try await worker.stop(within: .seconds(1))
                try await worker.stop()
            }
            try await waiting { try await task.value }
            await expectNothingLeft(on: loop)
            check.expectUnchanged()
        }

        @Test func `a body may stop its own worker without waiting`() async throws {
            let own = Recorder<Worker>()
            let worker = Worker(name: "own-end") { loop in
                own.all[0].requestStop()
                try await loop.clock.sleep(for: .seconds(1000))
            }
            own.add(worker)
            try worker.start()
            try await waiting { try await worker.wait() }
            own.removeAll()
        }

        @Test func `a body may stop its own worker and wait, and goes on after the end`()
            async throws
        {
            let own = Recorder<Worker>()
            let ended = Signal()
            let worker = Worker(name: "own-wait") { loop in
                try await own.all[0].stop(within: .seconds(1000))
                #expect(loop.core.uv.isClosed)
                ended.fire()
            }
            own.add(worker)
            try worker.start()
            try await waiting { try await worker.wait() }
            try await waiting { try await ended.wait() }
            own.removeAll()
        }

        /// Worker, body, worker: a cycle that ends with the body's work, or when that will never begin.
        @Test(arguments: ["run", "failed", "stopped", "unstartable"])
        func `a body that refers to its own worker is let go`(end: String) async throws {
            weak var found: Worker?
            do {
                let own = Recorder<Worker>()
                let worker = Worker(name: "own", cpu: end == "unstartable" ? 9999 : nil) { _ in
                    own.all[0].requestStop()
                    if end == "failed" { throw WaitedTooLong() }
                }
                own.add(worker)
                found = worker
                switch end {
                case "stopped": break
                case "unstartable": #expect(throws: IOError.self) { try worker.start() }
                default: try worker.start()
                }
                do { try await waiting { try await worker.stop() } } catch {
                    #expect(end == "failed" || end == "unstartable")
                }
            }
            // The task that waited may hold the worker a moment longer.
            let limit = ContinuousClock.now + .seconds(10)
            while found != nil, ContinuousClock.now < limit { await Task.yield() }
            let isGone = found == nil
            #expect(isGone)
        }

        @Test func `the blocking forms refuse the worker's own thread`() async throws {
            let worker = Worker(name: "own-thread")
            try worker.start()
            let checked = Signal()
            try worker.loop.post {
                for call in [{ try worker.stopAndWait() }, { try worker.waitUntilStopped() }] {
                    let error = #expect(throws: IOError.self) { try call() }
                    #expect(error?.code == .wrongThread)
                    #expect(error.map { "\($0)" }?.contains("own-thread") == true)
                }
                checked.fire()
            }
            try await waiting { try await checked.wait() }
            #expect(worker.control.state == .running)
            try await onThreads(1) { _ in
                #expect(throws: Never.self) { try worker.stopAndWait(timeout: .seconds(30)) }
            }
        }

        @Test func `a blocking wait gives up at its timeout`() async throws {
            let worker = Worker(name: "patient")
            try worker.start()
            try await onThreads(1) { _ in
                let error = #expect(throws: IOError.self) {
                    try worker.waitUntilStopped(timeout: .milliseconds(5))
                }
                #expect(error?.code == .timedOut)
                #expect(error.map { "\($0)" }?.contains("5 ms") == true)
            }
            try await waiting { try await worker.stop() }
        }

        @Test func `a wait ends when its task is cancelled, a stop does not`() async throws {
            let worker = Worker(name: "waited")
            try worker.start()
            for _ in 0..<200 {
                let waiter = Task { try await worker.wait() }
                waiter.cancel()
                await #expect(throws: CancellationError.self) { try await waiter.value }
            }
            #expect(worker.control.state == .running)
            let stopper = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await worker.stop()
            }
            try await waiting { try await stopper.value }
            #expect(worker.control.state == .stopped)
        }

        @Test func `a negative grace is refused`() async throws {
            let worker = Worker(name: "grace")
            let error = await #expect(throws: IOError.self) {
                try await worker.stop(within: .seconds(-1))
            }
            #expect(error?.code == .invalidArgument)
            #expect(worker.control.state == .idle)
            try await onThreads(1) { _ in
                let error = #expect(throws: IOError.self) {
                    try worker.stopAndWait(within: .seconds(-1))
                }
                #expect(error?.code == .invalidArgument)
            }
        }

        @Test func `a thread can be pinned to a CPU`() async throws {
            let cpu = try #require(LinuxCalls.affinity().last)
            let worker = Worker(name: "pinned", cpu: cpu)
            try worker.start()
            let affinity = try await worker.loop.run { _ in LinuxCalls.affinity() }
            #expect(affinity == [cpu])
            try await waiting { try await worker.stop() }
        }

        @Test(arguments: [9999, -1])
        func `a CPU that is not there is refused by name`(cpu: Int) async throws {
            let worker = Worker(name: "unpinned", cpu: cpu)
            let error = #expect(throws: IOError.self) { try worker.start() }
            #expect(error?.code == .invalidArgument)
            #expect(error.map { "\($0)" }?.contains("CPU \(cpu)") == true)
            let again = #expect(throws: IOError.self) { try worker.start() }
            #expect(again?.code == .invalidArgument)
            let stop = await #expect(throws: IOError.self) { try await worker.stop() }
            #expect(stop?.code == .invalidArgument)
        }

        @Test func `a body that ignores its cancellation does not hold up the end`() async throws {
            let release = Signal()
            let ended = Signal()
            let worker = Worker(name: "stubborn") { _ in
                _ = await Task { try await release.wait() }.result
                ended.fire()
            }
            try worker.start()
            try worker.loop.post {}
            try await waiting(for: .seconds(5)) { try await worker.stop(within: .zero) }
            release.fire()
            try await waiting { try await ended.wait() }
        }
    }
}
