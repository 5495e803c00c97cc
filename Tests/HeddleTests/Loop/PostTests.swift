import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct PostTests {
        /// L7. Two hundred thousand posts; ten million with `HEDDLE_TEST_SCALE=full`.
        @Test func `posts from eight threads each run once, in order per producer`() async throws {
            let each = TestScale.times(25_000, full: 1_250_000)
            try await withTestRuntime(threads: 1, limit: .seconds(300)) { runtime in
                let loop = runtime.loops[0]
                let arrivals = Arrivals(producers: 8)
                let done = Signal(after: 8)
                try await onThreads(8) { producer in
                    for number in 0..<each {
                        loop.post { arrivals.add(number, from: producer) }
                    }
                    loop.post { done.fire() }
                }
                try await done.wait()
                let (counts, disordered) = await loop.run { _ in
                    (arrivals.counts, arrivals.disordered)
                }
                #expect(counts == Array(repeating: each, count: 8))
                #expect(disordered == 0)
            }
        }

        /// What came from each producer.
        // Sendable: used by what is posted to one loop.
        private final class Arrivals: @unchecked Sendable {
            private(set) var counts: [Int]
            private(set) var disordered = 0

            init(producers: Int) { counts = Array(repeating: 0, count: producers) }

            func add(_ number: Int, from producer: Int) {
                if counts[producer] != number { disordered += 1 }
                counts[producer] += 1
            }
        }

        /// L6: a callback that posts itself for ever and eight threads that post, while timers go on.
        @Test func `posting for ever starves neither timers nor other posts`() async throws {
            try await withTestLoop { loop in
                let enough = Signal()
                let rounds = Counter()
                Self.postForEver(on: loop, until: enough, rounds)
                let producers = Task {
                    try await onThreads(8) { _ in
                        while !enough.hasFired { loop.post { rounds.add() } }
                    }
                }
                // libuv: idle_starvation.
                for _ in 0..<20 { try await loop.clock.sleep(for: .milliseconds(1)) }
                enough.fire()
                try await producers.value
                #expect(rounds.value > 512)
            }
        }

        private static func postForEver(on loop: EventLoop, until enough: Signal, _ rounds: Counter)
        {
            rounds.add()
            loop.post {
                if !enough.hasFired { postForEver(on: loop, until: enough, rounds) }
            }
        }

        @Test func `a body that posts itself for ever does not keep the loop from stopping`()
            async throws
        {
            let enough = Signal()
            let rounds = Counter()
            try await withTestLoop { loop in
                Self.postForEver(on: loop, until: enough, rounds)
                try await loop.clock.sleep(for: .milliseconds(2))
            }
            // It goes on elsewhere, since no job is lost, until it ends itself.
            enough.fire()
        }

        @Test func `posts from the loop itself run later, not in line`() async throws {
            try await withTestLoop { loop in
                let list = Recorder<Int>()
                let done = Signal()
                loop.post {
                    list.add(2)
                    loop.post {
                        list.add(4)
                        done.fire()
                    }
                    list.add(3)
                }
                list.add(1)
                try await done.wait()
                #expect(list.all == [1, 2, 3, 4])
            }
        }

        @Test func `a posted body runs on the loop's thread, outside tasks`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let ran = Signal()
                loop.post {
                    #expect(loop.isCurrent)
                    #expect(LoopCore.currentTaskIdentity == 0)
                    ran.fire()
                }
                try await ran.wait()
                #expect(!loop.isCurrent)
            }
        }
    }
}
