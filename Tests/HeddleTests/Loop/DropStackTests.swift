import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct DropStackTests {
        @Test func `what was pushed is taken once`() throws {
            try withUVLoop { uv in
                let stack = DropStack()
                let timers = try (0..<5).map { _ in try UVTimer(loop: uv) {} }
                #expect(stack.takeAll().isEmpty)
                for timer in timers { #expect(stack.push(timer)) }
                let taken = stack.takeAll()
                #expect(
                    Set(taken.map(ObjectIdentifier.init)) == Set(timers.map(ObjectIdentifier.init)))
                #expect(stack.takeAll().isEmpty)
                for timer in timers { timer.close() }
                uv.run()
            }
        }

        @Test func `a shut stack takes nothing and keeps nothing`() throws {
            try withUVLoop { uv in
                let stack = DropStack()
                weak var handle: UVTimer?
                do {
                    let timer = try UVTimer(loop: uv) {}
                    handle = timer
                    #expect(stack.takeAll(shutting: true).isEmpty)
                    #expect(!stack.push(timer))
                    timer.close()
                }
                uv.run()
                #expect(handle == nil)
            }
        }

        @Test func `a stack stays shut when it is emptied again`() throws {
            // The loop empties the stack whenever it takes its mail, also between shutting it and
            // the end; a push accepted then would never be taken.
            try withUVLoop { uv in
                let stack = DropStack()
                let timer = try UVTimer(loop: uv) {}
                #expect(stack.takeAll(shutting: true).isEmpty)
                #expect(stack.takeAll().isEmpty)
                #expect(!stack.push(timer))
                #expect(stack.takeAll(shutting: true).isEmpty)
                timer.close()
                uv.run()
            }
        }

        /// Drop against close: four threads drop handles while the loop takes, shuts and goes on
        /// taking. Each handle is either taken or refused, and none is leaked. Twenty rounds.
        @Test(arguments: Seed.some(4))
        func `handles dropped during the end are taken or refused, never lost`(seed: Seed)
            async throws
        {
            var random = seed.generator
            for _ in 0..<TestScale.times(5, full: 500) {
                let takes = Int.random(in: 0..<40, using: &random)
                let live = Counter()
                try await onThreads(1) { _ in
                    do { try Self.dropDuringEnd(takes: takes, live: live) } catch {
                        Issue.record(error)
                    }
                }
                #expect(live.value == 0, "objects are left")
            }
        }

        private static func dropDuringEnd(takes: Int, live: Counter) throws {
            try withUVLoop { uv in
                let stack = DropStack()
                let refused = Counter()
                let groups = try (0..<4).map { _ in
                    Batch(
                        try (0..<50).map { _ in
                            let tracer = Tracer(live)
                            return try UVTimer(loop: uv) { withExtendedLifetime(tracer) {} }
                        })
                }
                let threads = try groups.map { batch in
                    try LoopThread(name: "dropper") {
                        for handle in batch.take() where !stack.push(handle) { refused.add() }
                    }
                }
                var taken = 0
                for _ in 0..<takes { taken += stack.takeAll().count }
                taken += stack.takeAll(shutting: true).count
                taken += stack.takeAll().count
                threads.forEach { $0.join() }
                taken += stack.takeAll().count
                #expect(taken + refused.value == 200)
                uv.openHandles().forEach { $0.close() }
                uv.run()
            }
        }

        /// Counts how many handles there are, by being held by each.
        private final class Tracer {
            private let live: Counter

            init(_ live: Counter) {
                self.live = live
                live.add()
            }

            deinit { live.add(-1) }
        }

        /// Handles on their way to the thread that drops them.
        // Sendable: made on one thread, taken once on another.
        private final class Batch: @unchecked Sendable {
            private var handles: [UVHandle]

            init(_ handles: [UVHandle]) { self.handles = handles }

            func take() -> [UVHandle] {
                defer { handles = [] }
                return handles
            }
        }
    }
}
