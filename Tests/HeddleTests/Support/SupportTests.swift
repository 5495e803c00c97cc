import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// The foundation of the tests is tested too: a check that never fails would prove nothing.
    @Suite struct SupportTests {
        @Test func `a test loop runs its body on the loop's thread`() async throws {
            try await withTestLoop { loop in
                #expect(loop.isCurrent)
                #expect(EventLoop.current === loop)
            }
        }

        @Test func `a test runtime runs its body on none of its loops`() async throws {
            try await withTestRuntime(threads: 3) { runtime in
                #expect(runtime.loops.count == 3)
                #expect(!runtime.loops.contains { $0.isCurrent })
            }
        }

        @Test func `a descriptor left open fails the test`() async throws {
            let left = Recorder<Int32>()
            await withKnownIssue {
                try await withTestLoop { _ in left.add(dup(0)) }
            }
            for descriptor in left.all { close(descriptor) }
        }

        @Test func `a descriptor closed by mistake fails the test`() async throws {
            let descriptor = dup(0)
            await withKnownIssue {
                try await withTestLoop { _ in _ = close(descriptor) }
            }
        }

        @Test func `a thread left behind fails the test`() async throws {
            let release = Signal()
            let number = Recorder<Int>()
            let started = Signal()
            let thread = try LoopThread(name: "left-behind") {
                number.add(ResourceCheck.currentThread)
                started.fire()
                _ = release.waitBlocking()
            }
            try await started.wait()
            // Few turns: on a busy machine many take longer than the thread waits.
            withKnownIssue { ResourceCheck.expectEnded(threads: number.all, turns: 100) }
            release.fire()
            thread.join()
            ResourceCheck.expectEnded(threads: number.all)
        }

        @Test func `waiting too long fails the test and cancels the body`() async throws {
            let cancelled = Signal()
            await withKnownIssue {
                try await waiting(for: .milliseconds(20)) {
                    do { try await Signal().wait() } catch {
                        cancelled.fire()
                        throw error
                    }
                }
            }
            try await cancelled.wait()
        }

        @Test func `a body that ignores its cancellation does not hang the test`() async throws {
            let release = Signal()
            await withKnownIssue {
                try await waiting(for: .milliseconds(20)) {
                    _ = await Task { try await release.wait() }.result
                }
            }
            release.fire()
        }

        @Test func `an error of the body comes out of a test loop`() async throws {
            await #expect(throws: WaitedTooLong.self) {
                try await withTestLoop { _ in throw WaitedTooLong() }
            }
        }

        @Test func `a signal fires once for all who wait and for those who come later`()
            async throws
        {
            let signal = Signal(after: 3)
            let passed = Counter()
            let all = Task {
                try await withThrowingDiscardingTaskGroup { group in
                    for _ in 0..<10 {
                        group.addTask {
                            try await signal.wait()
                            passed.add()
                        }
                    }
                }
            }
            for _ in 0..<3 { signal.fire() }
            try await all.value
            try await signal.wait()
            #expect(passed.value == 10)
            #expect(signal.hasFired)
        }

        @Test func `the same seed gives the same numbers`() {
            var first = Seed(number: 7).generator
            var second = Seed(number: 7).generator
            for _ in 0..<100 { #expect(first.next() == second.next()) }
            #expect(Seed.some(5).count >= 1)
        }
    }
}
