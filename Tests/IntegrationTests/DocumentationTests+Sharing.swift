import Heddle
import Testing

/// The code of the articles on blocking work and on sharing between loops.
extension DocumentationTests {
    @Test func `blocking work: a result comes back`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let sum = try await runtime.blocking {
                (1...1_000).reduce(0, +)
            }
            #expect(sum == 500_500)
        }
    }

    @Test func `blocking work: who does not want to wait is refused`() async throws {
        @Sendable func resize(_ image: [UInt8]) {}
        var options = Runtime.Options(threads: 1)
        options.blockingQueueLimit = 0
        try await Runtime.run(options) { runtime in
            let image: [UInt8] = []
            do {
                try await runtime.blocking(whenFull: .fail) { resize(image) }
            } catch let error as IOError where error.code == .limitExceeded {
                print(error)
            }
            #expect(runtime.blockingStatistics.completed == 1)
        }
    }

    @Test func `sharing: a value for each loop and their sum`() async throws {
        try await Runtime.run(.init(threads: 3)) { runtime in
            let loop = runtime.loops[1]
            let hits = LoopLocal(on: runtime.loops) { _ in 0 }
            let count = try await loop.task {
                try hits.withValue { hits in
                    hits += 1
                    return hits
                }
            }.value
            #expect(count == 1)
            let totals = try await runtime.forEachLoop { _ in
                try hits.withValue { $0 }
            }
            print("\(totals.reduce(0, +)) hits")
            #expect(totals == [0, 1, 0])
        }
    }

    @Test func `sharing: a channel`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            let log = MessageChannel<String>(capacity: 64)
            let writer = loop.task {
                for await entry in log { print(entry) }
            }
            try await log.send("hello")
            log.finish()
            try await writer.value
            #expect(throws: IOError.self) { _ = try log.trySend("too late") }
        }
    }
}
