import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct BlockingTests {
        /// A runtime with few threads for blocking work, and the usual expectations at its end.
        private func withPool(
            threads: Int = 1, queueLimit: Int = 100, loops: Int = 1,
            _ body: @escaping @Sendable (Runtime) async throws -> Void
        ) async throws {
            let check = try await ResourceCheck()
            var options = Runtime.Options(threads: loops)
            options.blockingThreads = threads
            options.blockingQueueLimit = queueLimit
            let runtime = try Runtime.start(options)
            try await waiting(for: .seconds(60)) { try await body(runtime) }
            try await waiting(for: .seconds(30)) { try await runtime.stop(within: .seconds(5)) }
            for loop in runtime.loops { await expectNothingLeft(on: loop) }
            check.expectUnchanged()
        }

        @Test func `the result comes back to the task, on its loop`() async throws {
            try await withPool { runtime in
                let loop = runtime.loops[0]
                let answer = try await loop.task {
                    let answer = try await runtime.blocking { () -> Int in
                        #expect(!loop.isCurrent)
                        return 42
                    }
                    #expect(loop.isCurrent)
                    return answer
                }.value
                #expect(answer == 42)
                let statistics = runtime.blockingStatistics
                #expect(statistics.completed == 1 && statistics.threads == 1)
                #expect(statistics.running == 0 && statistics.queued == 0)
            }
        }

        @Test func `what the closure throws comes out`() async throws {
            try await withPool { runtime in
                await #expect(throws: WaitedTooLong.self) {
                    try await runtime.blocking { throw WaitedTooLong() }
                }
                #expect(runtime.blockingStatistics.completed == 1)
            }
        }

        @Test func `threads are started when they are needed and end with the runtime`()
            async throws
        {
            let threads = Recorder<Int>()
            try await withPool(threads: 4) { runtime in
                #expect(runtime.blockingStatistics.threads == 0)
                for _ in 0..<20 {
                    try await runtime.blocking { threads.add(ResourceCheck.currentThread) }
                }
                #expect(Set(threads.all).count <= 2, "a free thread is used again")
            }
            ResourceCheck.expectEnded(threads: threads.all)
        }

        @Test func `no more run at once than there are threads`() async throws {
            try await withPool(threads: 2) { runtime in
                let loop = runtime.loops[0]
                let running = Counter()
                let most = Recorder<Int>()
                let order = Recorder<Int>()
                try await loop.task {
                    let tasks = (0..<50).map { number in
                        loop.task {
                            try await runtime.blocking {
                                order.add(number)
                                most.add(running.add())
                                running.add(-1)
                            }
                        }
                    }
                    for task in tasks { try await task.value }
                }.value
                #expect((most.all.max() ?? 3) <= 2)
                #expect(order.all.sorted() == Array(0..<50))
            }
        }

        @Test func `with one thread the order is exact`() async throws {
            try await withPool(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let order = Recorder<Int>()
                let tasks = (0..<200).map { number in
                    loop.task { try await runtime.blocking { order.add(number) } }
                }
                for task in tasks { try await task.value }
                #expect(order.all == Array(0..<200))
            }
        }

        @Test func `a full queue refuses who does not want to wait, by name`() async throws {
            try await withPool(threads: 1, queueLimit: 1) { runtime in
                let release = Signal()
                let running = Signal()
                let first = Task {
                    try await runtime.blocking {
                        running.fire()
                        _ = release.waitBlocking()
                    }
                }
                try await running.wait()
                let second = Task { try await runtime.blocking(whenFull: .fail) { 2 } }
                try await Self.until { runtime.blockingStatistics.queued == 1 }
                let error = await #expect(throws: IOError.self) {
                    try await runtime.blocking(whenFull: .fail) { 3 }
                }
                #expect(error?.code == .limitExceeded)
                let third = Task { try await runtime.blocking { 4 } }
                try await Self.until { runtime.blockingStatistics.queued == 2 }
                release.fire()
                try await first.value
                #expect(try await second.value == 2)
                #expect(try await third.value == 4)
                #expect(runtime.blockingStatistics.longestWait > .zero)
            }
        }

        @Test func `cancelled while it waits, a call ends at once and never runs`() async throws {
            try await withPool(threads: 1) { runtime in
                let release = Signal()
                let running = Signal()
                let first = Task {
                    try await runtime.blocking {
                        running.fire()
                        _ = release.waitBlocking()
                    }
                }
                try await running.wait()
                let ran = Counter()
                let second = Task { try await runtime.blocking { ran.add() } }
                try await Self.until { runtime.blockingStatistics.queued == 1 }
                second.cancel()
                await #expect(throws: CancellationError.self) { try await second.value }
                #expect(runtime.blockingStatistics.running == 1, "the other still runs")
                release.fire()
                try await first.value
                try await runtime.blocking {}
                #expect(ran.value == 0)
            }
        }

        @Test func `a task that is cancelled already runs nothing`() async throws {
            try await withPool { runtime in
                let ran = Counter()
                let task = Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    try await runtime.blocking { _ = ran.add() }
                }
                await #expect(throws: CancellationError.self) { try await task.value }
                #expect(ran.value == 0 && runtime.blockingStatistics.threads == 0)
            }
        }

        @Test func `cancelled while it runs, a call ends with its result`() async throws {
            try await withPool { runtime in
                let release = Signal()
                let running = Signal()
                let task = Task {
                    try await runtime.blocking { () -> Int in
                        running.fire()
                        _ = release.waitBlocking()
                        return 7
                    }
                }
                try await running.wait()
                task.cancel()
                release.fire()
                #expect(try await task.value == 7)
            }
        }

        @Test func `what the closure holds is let go before the caller goes on`() async throws {
            final class Held: Sendable {
                let ended: Signal
                init(_ ended: Signal) { self.ended = ended }
                deinit { ended.fire() }
            }
            try await withPool { runtime in
                for _ in 0..<200 {
                    let ended = Signal()
                    try await runtime.blocking { [held = Held(ended)] in _ = held.ended.hasFired }
                    #expect(ended.hasFired)
                }
            }
        }

        @Test(arguments: [(0, 1), (1025, 1), (1, -1), (1, 1_000_001)])
        func `numbers out of bounds are refused by name`(threads: Int, limit: Int) {
            var options = Runtime.Options(threads: 1)
            options.blockingThreads = threads
            options.blockingQueueLimit = limit
            let error = #expect(throws: IOError.self) { try Runtime.start(options) }
            #expect(error?.code == .invalidArgument)
        }

        /// The pool tells nobody how long its line is.
        static func until(_ condition: @Sendable () -> Bool) async throws {
            for _ in 0..<10_000 where !condition() {
                // Sleeps: between looks at a state that is announced to nobody.
                try await Task.sleep(for: .milliseconds(1), clock: .continuous)
            }
            #expect(condition())
        }
    }
}
