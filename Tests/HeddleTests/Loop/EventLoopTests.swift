import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct EventLoopTests {
        @Test func `the current loop is found by the thread and the task`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                #expect(EventLoop.current == nil)
                for loop in runtime.loops {
                    try await loop.task {
                        #expect(EventLoop.current === loop)
                        #expect(loop.isCurrent)
                        #expect(!runtime.loops.contains { $0 !== loop && $0.isCurrent })
                    }.value
                }
                #expect(EventLoop.current == nil)
            }
        }

        @Test func `everything structured stays on the loop's thread`() async throws {
            try await withTestLoop { loop in
                async let bound = loop.isCurrent
                #expect(await bound)
                await withTaskGroup(of: Bool.self) { group in
                    for _ in 0..<10 { group.addTask { loop.isCurrent } }
                    for await isCurrent in group { #expect(isCurrent) }
                }
                #expect(await Self.onGlobalExecutor(loop))
                #expect(await Default().check(loop))
                for _ in 0..<10 {
                    await Task.yield()
                    #expect(loop.isCurrent)
                }
            }
        }

        @concurrent private static func onGlobalExecutor(_ loop: EventLoop) async -> Bool {
            loop.isCurrent
        }

        private actor Default {
            func check(_ loop: EventLoop) -> Bool { loop.isCurrent }
        }

        @Test func `an unstructured task leaves the loop, one of the loop's does not`() async throws
        {
            try await withTestLoop { loop in
                #expect(await Task { loop.isCurrent }.value == false)
                #expect(await Task.detached { loop.isCurrent }.value == false)
                let isCurrent = try await loop.task { loop.isCurrent }.value
                #expect(isCurrent)
            }
        }

        @Test func `a task gives what its body gives`() async throws {
            try await withTestLoop { loop in
                let sum = try await loop.task { 1 + 1 }.value
                #expect(sum == 2)
                await #expect(throws: WaitedTooLong.self) {
                    try await loop.task { throw WaitedTooLong() }.value
                }
                let name = try await loop.task(name: "named") { Task.name }.value
                #expect(name == "named")
            }
        }

        @Test func `run gives its body the loop's isolation, from anywhere`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (loop, other) = (runtime.loops[0], runtime.loops[1])
                let value = await loop.run { loop in
                    loop.assertIsolated()
                    #expect(loop.isCurrent)
                    return 5
                }
                #expect(value == 5)
                try await other.task {
                    #expect(await loop.run { _ in loop.isCurrent })
                    #expect(other.isCurrent)
                }.value
                let late = try await loop.run { loop in
                    try await loop.clock.sleep(for: .milliseconds(1))
                    loop.assertIsolated()
                    return loop.isCurrent
                }
                #expect(late)
                await #expect(throws: WaitedTooLong.self) {
                    try await loop.run { _ in throw WaitedTooLong() }
                }
            }
        }

        @Test func `two loops may call each other over and over`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (first, second) = (runtime.loops[0], runtime.loops[1])
                let wrong = Counter()
                try await first.task {
                    for _ in 0..<2000 {
                        if !(await second.run { _ in second.isCurrent }) { wrong.add() }
                        if !first.isCurrent { wrong.add() }
                    }
                }.value
                #expect(wrong.value == 0)
            }
        }

        @Test func `a loop has a name, and so has its thread`() async throws {
            for (name, shown) in [
                ("short", "short"), ("fifteen-letters", "fifteen-letters"),
                ("a name that is longer", "a name that is "),
                ("fourteen bytesé", "fourteen bytes"),
            ] {
                try await withTestLoop(name: name) { loop in
                    #expect(loop.name == name)
                    #expect("\(loop)" == "EventLoop(\(name))")
                    #expect(AvailableCPUs.contents(of: "/proc/thread-self/comm") == shown + "\n")
                }
            }
        }

        @Test func `an executor preference can be given to any task`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                await Task(executorPreference: loop.taskExecutor) {
                    #expect(loop.isCurrent)
                }.value
                await withTaskExecutorPreference(loop.taskExecutor) {
                    await Self.expectCurrent(loop)
                }
            }
        }

        @concurrent private static func expectCurrent(_ loop: EventLoop) async {
            #expect(loop.isCurrent)
        }
    }
}
