import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct IsolationTests {
        /// An actor that lives on a loop, as users write them.
        private actor Room {
            let loop: EventLoop
            private var count = 0

            nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

            init(on loop: EventLoop) { self.loop = loop }

            func enter() -> Int {
                loop.assertIsolated()
                count += 1
                return count
            }

            func enterSlowly() async throws -> Bool {
                let before = count
                try await loop.clock.sleep(for: .milliseconds(1))
                assertIsolated()
                count += 1
                return loop.isCurrent && count > before
            }

            nonisolated func enterInLine() -> Int {
                assumeIsolated { room in
                    room.count += 1
                    return room.count
                }
            }
        }

        @Test func `an actor on a loop runs on its thread, whoever calls`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let room = Room(on: runtime.loops[0])
                try await withThrowingDiscardingTaskGroup { group in
                    for index in 0..<100 {
                        let loop = runtime.loops[index % 2]
                        group.addTask { _ = await room.enter() }
                        group.addTask { _ = try await loop.task { await room.enter() }.value }
                    }
                }
                #expect(await room.enter() == 201)
            }
        }

        @Test func `an actor on a loop stays isolated across its waits`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let room = Room(on: runtime.loops[0])
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for _ in 0..<50 { group.addTask { try await room.enterSlowly() } }
                    for _ in 0..<50 {
                        group.addTask {
                            try await runtime.loops[0].task { try await room.enterSlowly() }.value
                        }
                    }
                    for try await isWell in group { #expect(isWell) }
                }
            }
        }

        static func assumeIsolation(of loop: EventLoop) -> Bool {
            loop.assumeIsolated { $0.isCurrent }
        }

        @Test func `code on the loop may assume the isolation of its actors`() async throws {
            try await withTestLoop { loop in
                let room = Room(on: loop)
                #expect(room.enterInLine() == 1)
                #expect(Self.assumeIsolation(of: loop))
                let posted = Signal()
                loop.post {
                    #expect(room.enterInLine() == 2)
                    posted.fire()
                }
                try await posted.wait()
            }
        }

        @Test func `assuming the isolation off the loop traps`() async {
            // L11: also in release builds.
            await #expect(processExitsWith: .failure) {
                let worker = Worker(name: "trap")
                try worker.start()
                _ = try IsolationTests.assumeIsolation(of: worker.loop)
            }
        }

        @Test func `assuming the isolation of another loop traps`() async {
            await #expect(processExitsWith: .failure) {
                let runtime = try Runtime.start(.init(threads: 2))
                try await runtime.loops[0].task {
                    _ = IsolationTests.assumeIsolation(of: runtime.loops[1])
                }.value
            }
        }

        @Test func `the check of isolation says yes on the thread and no elsewhere`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let executor = LoopSerialExecutor(core: runtime.loops[0].core)
                #expect(executor.isIsolatingCurrentContext() == false)
                for (index, loop) in runtime.loops.enumerated() {
                    let answer = await loop.run { _ in executor.isIsolatingCurrentContext() }
                    #expect(answer == (index == 0))
                }
            }
        }
    }
}
