import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct RuntimeTests {
        @Test func `run gives what its body gives, after everything has ended`() async throws {
            let check = try await ResourceCheck()
            let loops = Recorder<EventLoop>()
            let value = try await Runtime.run(.init(threads: 3)) { runtime in
                for loop in runtime.loops { loops.add(loop) }
                return 42
            }
            #expect(value == 42)
            #expect(loops.count == 3)
            for loop in loops.all { await expectNothingLeft(on: loop) }
            check.expectUnchanged()
        }

        @Test func `run throws what its body throws, after everything has ended`() async throws {
            let check = try await ResourceCheck()
            let loops = Recorder<EventLoop>()
            await #expect(throws: WaitedTooLong.self) {
                try await Runtime.run(.init(threads: 2)) { runtime in
                    for loop in runtime.loops { loops.add(loop) }
                    throw WaitedTooLong()
                }
            }
            for loop in loops.all { await expectNothingLeft(on: loop) }
            check.expectUnchanged()
        }

        @Test(arguments: [0, -1, 1025, Int.max, Int.min])
        func `a number of threads out of bounds is refused by name`(threads: Int) {
            let error = #expect(throws: IOError.self) { try Runtime.start(.init(threads: threads)) }
            #expect(error?.code == .invalidArgument)
            #expect(error.map { "\($0)" }?.contains("\(threads) threads") == true)
        }

        @Test func `negative times are refused`() async throws {
            var options = Runtime.Options(threads: 1)
            options.drainTimeout = .seconds(-1)
            let error = #expect(throws: IOError.self) { try Runtime.start(options) }
            #expect(error?.code == .invalidArgument)
            try await withTestRuntime(threads: 1) { runtime in
                let error = await #expect(throws: IOError.self) {
                    try await runtime.stop(within: .seconds(-1))
                }
                #expect(error?.code == .invalidArgument)
            }
        }

        @Test func `without a number there are as many loops as CPUs`() async throws {
            try await Runtime.run { runtime in
                #expect(runtime.loops.count == AvailableCPUs.count)
            }
        }

        @Test func `loops are named, pinned and given out in turn`() async throws {
            var options = Runtime.Options(threads: 3)
            options.name = "named"
            options.pinThreads = true
            let cpus = LinuxCalls.affinity()
            try await Runtime.run(options) { runtime in
                #expect(runtime.loops.map(\.name) == ["named-0", "named-1", "named-2"])
                for (index, loop) in runtime.loops.enumerated() {
                    #expect(
                        await loop.run { _ in LinuxCalls.affinity() } == [cpus[index % cpus.count]])
                }
                let inTurn = (0..<6).map { _ in ObjectIdentifier(runtime.nextLoop) }
                #expect(inTurn == (runtime.loops + runtime.loops).map { ObjectIdentifier($0) })
            }
            #expect(LinuxCalls.affinity() == cpus, "the caller's thread is as it was")
        }

        @Test func `a stop from anywhere, any number of times, ends it once`() async throws {
            let runtime = try Runtime.start(.init(threads: 3))
            let first = runtime.loops[0]
            let fromLoop = first.task { try await runtime.stop(within: .zero) }
            try await onThreads(8) { index in
                if index % 2 == 0 {
                    #expect(throws: Never.self) { try runtime.stopAndWait(timeout: .seconds(20)) }
                } else {
                    runtime.requestStop()
                    #expect(throws: Never.self) {
                        try runtime.waitUntilStopped(timeout: .seconds(20))
                    }
                }
            }
            try await waiting { try await fromLoop.value }
            try await waiting { try await runtime.stop() }
            try await waiting { try await runtime.wait() }
            for loop in runtime.loops { await expectNothingLeft(on: loop) }
        }

        @Test func `the blocking forms refuse every thread of the runtime`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                for loop in runtime.loops {
                    let checked = Signal()
                    loop.post {
                        for call in [
                            { try runtime.stopAndWait() }, { try runtime.waitUntilStopped() },
                        ] {
                            let error = #expect(throws: IOError.self) { try call() }
                            #expect(error?.code == .wrongThread)
                        }
                        checked.fire()
                    }
                    try await checked.wait()
                }
            }
        }

        @Test func `a runtime that is dropped stops`() async throws {
            let check = try await ResourceCheck()
            let threads = Recorder<Int>()
            let sleeper: Task<Void, any Error>
            do {
                let runtime = try Runtime.start(.init(threads: 2))
                let loop = runtime.loops[0]
                for loop in runtime.loops {
                    threads.add(await loop.run { _ in ResourceCheck.currentThread })
                }
                sleeper = loop.task { try await loop.clock.sleep(for: .seconds(1000)) }
            }
            await #expect(throws: IOError.self) {
                try await waiting { try await sleeper.value }
            }
            ResourceCheck.expectEnded(threads: threads.all)
            check.expectUnchanged()
        }

        @Test func `two runtimes share no loop and end on their own`() async throws {
            try await withTestRuntime(threads: 2) { outer in
                let kept = outer.loops
                try await Runtime.run(.init(threads: 2)) { inner in
                    let all = (outer.loops + inner.loops).map { ObjectIdentifier($0) }
                    #expect(Set(all).count == 4)
                    for loop in inner.loops {
                        try await loop.task {
                            #expect(EventLoop.current === loop)
                            #expect(!kept.contains { $0.isCurrent })
                        }.value
                    }
                }
                for loop in kept { #expect(await loop.run { $0.isCurrent }) }
            }
        }

        /// The second half of L1.
        @Test func `eight runtimes at once each see their own loops only`() async throws {
            let check = try await ResourceCheck()
            let strangers = Counter()
            for _ in 0..<TestScale.times(10, full: 300) {
                try await withThrowingDiscardingTaskGroup { group in
                    for _ in 0..<8 {
                        group.addTask {
                            try await Runtime.run(.init(threads: 2)) { runtime in
                                for loop in runtime.loops {
                                    try await loop.task {
                                        let isOwn = runtime.loops.contains {
                                            $0 === EventLoop.current
                                        }
                                        if !isOwn { strangers.add() }
                                        try await loop.clock.sleep(for: .microseconds(100))
                                    }.value
                                }
                            }
                        }
                    }
                }
            }
            #expect(strangers.value == 0)
            check.expectUnchanged()
        }

        @Test func `a body that stops its runtime itself gives its result`() async throws {
            for grace in [nil, Duration.zero] {
                let check = try await ResourceCheck()
                let value = try await waiting {
                    try await Runtime.run(.init(threads: 2)) { runtime in
                        try await runtime.stop(within: grace)
                        runtime.requestStop(within: .zero)
                        for loop in runtime.loops { #expect(loop.core.uv.isClosed) }
                        return 42
                    }
                }
                #expect(value == 42)
                check.expectUnchanged()
            }
        }

        @Test func `without descriptors a runtime does not start and leaves nothing`() async {
            await #expect(processExitsWith: .success) {
                let check = try await ResourceCheck()
                let limit = DescriptorLimit.allowing(10)
                let error = #expect(throws: IOError.self) { try Runtime.start(.init(threads: 20)) }
                limit.restore()
                #expect(error?.code == .resourcesExhausted)
                check.expectUnchanged()
                try await Runtime.run(.init(threads: 20)) { _ in }
            }
        }
    }
}
