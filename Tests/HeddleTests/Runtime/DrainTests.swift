import Testing

@testable import Heddle

extension HeddleTests {
    /// The phases of a stop (law 5), with a member that stands for a server with connections.
    @Suite struct DrainTests {
        // Sendable: used on the loop's thread alone.
        private final class FakeServer: LoopMember, @unchecked Sendable {
            let core: LoopCore
            let calls = Recorder<String>()
            let drains = Signal()
            var isIdle = false
            var endsWhenCancelled = true
            var onCancel: () -> Void = {}

            init(on core: LoopCore) { self.core = core }

            func beginDrain() {
                calls.add("drain")
                drains.fire()
            }

            func cancelRemaining() {
                calls.add("cancel")
                onCancel()
                if endsWhenCancelled { end() }
            }

            func loopEnded() { calls.add("ended") }

            func end() {
                isIdle = true
                core.memberBecameIdle()
            }

            func remove() { core.removeMember(self) }
        }

        private static func serve(on loop: EventLoop) async -> FakeServer {
            await loop.run { loop in
                let server = FakeServer(on: loop.core)
                loop.core.addMember(server)
                return server
            }
        }

        /// L4: one second instead of ten, which `HEDDLE_TEST_SCALE=full` restores.
        @Test func `a heartbeat beats all through a drain`() async throws {
            let worker = Worker(name: "heartbeat")
            try worker.start()
            let loop = try worker.loop
            let server = await Self.serve(on: loop)
            let seconds = TestScale.times(1, full: 10)
            let beats = Counter()
            let heart = loop.task {
                for await _ in loop.ticks(every: .milliseconds(20)) {
                    guard server.drains.hasFired else { continue }
                    // The last connection goes when the drain has lasted long enough.
                    if beats.add() == seconds * 50 { server.end() }
                }
            }
            try await waiting(for: .seconds(60)) { try await worker.stop(within: .seconds(50)) }
            #expect(beats.value >= seconds * 50)
            #expect(server.calls.all == ["drain", "cancel", "ended"])
            try await heart.value
        }

        @Test func `a member that comes after the loop's end is told of it at once`() async throws {
            let worker = Worker(name: "late")
            try worker.start()
            let core = try worker.loop.core
            try await waiting { try await worker.stop(within: .seconds(1)) }
            let server = FakeServer(on: core)
            try await core.hop { core.addMember(server) }
            #expect(server.calls.all == ["ended"])
            #expect(core.members.isEmpty)
        }

        @Test func `a drain ends as soon as nothing is left`() async throws {
            let worker = Worker(name: "quick")
            try worker.start()
            let loop = try worker.loop
            let server = await Self.serve(on: loop)
            let start = loop.clock.now
            loop.task {
                try await server.drains.wait()
                server.end()
            }
            try await waiting { try await worker.stop(within: .seconds(1000)) }
            #expect(start.duration(to: loop.clock.now) < .seconds(5))
        }

        @Test func `past the deadline what is left is cancelled`() async throws {
            let worker = Worker(name: "deadline")
            try worker.start()
            let server = await Self.serve(on: try worker.loop)
            let start = try worker.loop.clock.now
            try await waiting { try await worker.stop(within: .milliseconds(30)) }
            let passed = start.duration(to: try worker.loop.clock.now)
            #expect(passed >= .milliseconds(30))
            #expect(passed < .seconds(5))
            #expect(server.calls.all == ["drain", "cancel", "ended"])
        }

        @Test func `what ignores its cancellation is left after half a second`() async throws {
            let worker = Worker(name: "stubborn")
            try worker.start()
            let server = await Self.serve(on: try worker.loop)
            try await worker.loop.run { _ in server.endsWhenCancelled = false }
            let start = try worker.loop.clock.now
            try await waiting { try await worker.stop(within: .zero) }
            let passed = start.duration(to: try worker.loop.clock.now)
            #expect(passed >= .milliseconds(500))
            #expect(passed < .seconds(5))
            #expect(server.calls.all.last == "ended")
        }

        @Test func `a second stop leaves what was cancelled its time to end`() async throws {
            let worker = Worker(name: "patient")
            try worker.start()
            let server = await Self.serve(on: try worker.loop)
            let cancelled = Signal()
            try await worker.loop.run { _ in
                server.endsWhenCancelled = false
                server.onCancel = { cancelled.fire() }
            }
            let start = try worker.loop.clock.now
            worker.requestStop(within: .milliseconds(1))
            try await waiting { try await cancelled.wait() }
            try await waiting { try await worker.stop(within: .zero) }
            #expect(start.duration(to: try worker.loop.clock.now) >= .milliseconds(500))
        }

        @Test func `a second stop may shorten the drain but not lengthen it`() async throws {
            let worker = Worker(name: "shorter")
            try worker.start()
            let server = await Self.serve(on: try worker.loop)
            worker.requestStop(within: .seconds(1000))
            try await waiting { try await server.drains.wait() }
            worker.requestStop(within: .seconds(2000))
            try await waiting { try await worker.stop(within: .milliseconds(5)) }
        }

        @Test func `a body that ends when it is cancelled does not shorten the drain`() async throws
        {
            let running = Signal()
            let worker = Worker(name: "long-drain") { loop in
                running.fire()
                try await loop.clock.sleep(for: .seconds(10_000))
            }
            try worker.start()
            try await running.wait()
            let loop = try worker.loop
            let server = await Self.serve(on: loop)
            worker.requestStop(within: .seconds(3600))
            try await waiting { try await server.drains.wait() }
            // The body's end removes it from the members.
            while await loop.run({ $0.core.members.count }) > 1 { await Task.yield() }
            let left = await loop.run { loop in
                LoopClock.Instant(nanoseconds: UVLoop.hrtimeNanoseconds)
                    .duration(to: .init(nanoseconds: loop.core.drainDeadline))
            }
            #expect(left > .seconds(3000))
            try await waiting { try await worker.stop(within: .zero) }
        }
    }
}
