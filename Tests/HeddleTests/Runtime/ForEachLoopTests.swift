import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct ForEachLoopTests {
        @Test func `a body runs on every loop and the results are in order`() async throws {
            try await withTestRuntime(threads: 4) { runtime in
                let names = try await runtime.forEachLoop { loop in
                    #expect(loop.isCurrent)
                    // The later loops are the faster ones.
                    let rank = runtime.loops.firstIndex { $0 === loop } ?? 0
                    try await loop.clock.sleep(for: .milliseconds(4 - rank))
                    #expect(loop.isCurrent)
                    return loop.name
                }
                #expect(names == runtime.loops.map(\.name))
            }
        }

        @Test func `results may be nothing`() async throws {
            try await withTestRuntime(threads: 3) { runtime in
                let results: [Int?] = try await runtime.forEachLoop { loop in
                    loop === runtime.loops[1] ? nil : 1
                }
                #expect(results == [1, nil, 1])
            }
        }

        @Test func `the first error cancels the others and is thrown`() async throws {
            try await withTestRuntime(threads: 3) { runtime in
                let cancelled = Counter()
                await #expect(throws: WaitedTooLong.self) {
                    try await waiting {
                        try await runtime.forEachLoop { loop in
                            if loop === runtime.loops[1] { throw WaitedTooLong() }
                            do { try await loop.clock.sleep(for: .seconds(1000)) } catch {
                                cancelled.add()
                                throw error
                            }
                        }
                    }
                }
                #expect(cancelled.value == 2)
            }
        }

        @Test func `after the end it says that the loops have stopped`() async throws {
            let runtime = try Runtime.start(.init(threads: 2))
            try await runtime.stop(within: .zero)
            let ran = Counter()
            let error = await #expect(throws: IOError.self) {
                try await waiting { try await runtime.forEachLoop { _ in ran.add() } }
            }
            #expect(error?.code == .loopStopped)
            #expect(ran.value == 0)
        }
    }
}
