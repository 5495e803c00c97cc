import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// `Runtime.runBlocking`, on a thread of the test's own.
    @Suite struct HostedRuntimeTests {
        /// Runs `body` in a hosted runtime; gives how that ended.
        private static func host(
            _ options: Runtime.Options = .init(threads: 2),
            _ body: @escaping @Sendable (Runtime) async throws -> Int
        ) async throws -> Result<Int, any Error> {
            let check = try await ResourceCheck()
            let outcome = Recorder<Result<Int, any Error>>()
            try await onThreads(1) { _ in
                outcome.add(Result { try Runtime.runBlocking(options, body) })
            }
            check.expectUnchanged()
            return try #require(outcome.all.first)
        }

        @Test func `a hosted runtime runs its body on the calling thread`() async throws {
            let check = try await ResourceCheck()
            try await onThreads(1) { _ in
                let thread = ResourceCheck.currentThread
                #expect(throws: Never.self) {
                    let value = try Runtime.runBlocking(.init(threads: 2)) { runtime in
                        #expect(ResourceCheck.currentThread == thread)
                        #expect(EventLoop.current === runtime.loops[0])
                        try await runtime.loops[0].clock.sleep(for: .milliseconds(1))
                        #expect(ResourceCheck.currentThread == thread)
                        return await runtime.loops[1].run { _ in 42 }
                    }
                    #expect(value == 42)
                }
                #expect(throws: WaitedTooLong.self) {
                    try Runtime.runBlocking(.init(threads: 1)) { _ in throw WaitedTooLong() }
                }
            }
            check.expectUnchanged()
        }

        @Test func `the result of a body that asks for the stop is kept`() async throws {
            for _ in 0..<50 {
                let outcome = try await Self.host { runtime in
                    runtime.requestStop()
                    for _ in 0..<20 { await Task.yield() }
                    return 42
                }
                #expect(try outcome.get() == 42)
            }
        }

        @Test func `a body has the grace of a stop, uncancelled`() async throws {
            let outcome = try await Self.host { runtime in
                runtime.requestStop(within: .seconds(1000))
                try await runtime.loops[0].clock.sleep(for: .milliseconds(20))
                let others = await runtime.loops[1].run { _ in 40 }
                return others + (Task.isCancelled ? 0 : 2)
            }
            #expect(try outcome.get() == 42)
        }

        @Test func `a body is cancelled when the grace has passed`() async throws {
            let outcome = try await Self.host { runtime in
                runtime.requestStop(within: .milliseconds(5))
                try? await runtime.loops[0].clock.sleep(for: .seconds(1000))
                return Task.isCancelled ? 42 : 0
            }
            #expect(try outcome.get() == 42)
        }

        @Test func `a body that awaits the stop goes on after the end`() async throws {
            let outcome = try await Self.host { runtime in
                try await runtime.stop(within: .seconds(1000))
                for loop in runtime.loops { #expect(loop.core.uv.isClosed) }
                try await runtime.stop()
                return Task.isCancelled ? 0 : 42
            }
            #expect(try outcome.get() == 42)
        }

        @Test func `a body that awaits the stop by another task gets its result out`() async throws
        {
            let outcome = try await Self.host { runtime in
                async let stopped: Void = runtime.stop(within: .milliseconds(5))
                try await stopped
                return 42
            }
            #expect(try outcome.get() == 42)
        }

        @Test func `a body's error comes before a worker's, and stops at once`() async throws {
            let outcome = try await Self.host { runtime in
                runtime.requestStop(within: .seconds(1000))
                throw WaitedTooLong()
            }
            #expect(throws: WaitedTooLong.self) { try outcome.get() }
        }

        @Test func `a body that ignores its cancellation is left behind, with an error`()
            async throws
        {
            let release = Signal()
            let ended = Signal()
            let outcome = try await Self.host { runtime in
                runtime.requestStop(within: .zero)
                _ = await Task { try await release.wait() }.result
                ended.fire()
                return 42
            }
            let error = #expect(throws: IOError.self) { try outcome.get() }
            #expect(error?.code == .timedOut)
            #expect(error.map { "\($0)" }?.hasPrefix("run runtime heddle: ") == true)
            release.fire()
            try await waiting { try await ended.wait() }
        }

        @Test func `the calling thread keeps its CPUs and its name`() async throws {
            try await onThreads(1) { _ in
                var options = Runtime.Options(threads: 2)
                options.pinThreads = true
                let (cpus, name) = (LinuxCalls.affinity(), Self.threadName)
                for _ in 0..<2 {
                    #expect(throws: Never.self) {
                        try Runtime.runBlocking(options) { _ in
                            #expect(LinuxCalls.affinity() == [cpus[0]])
                        }
                    }
                    #expect(LinuxCalls.affinity() == cpus)
                    #expect(Self.threadName == name)
                }
            }
        }

        @Test func `a hosted loop that cannot be made leaves the thread its CPUs`() async {
            await #expect(processExitsWith: .success) {
                _ = try await ResourceCheck()
                try await onThreads(1) { _ in
                    var options = Runtime.Options(threads: 1)
                    options.pinThreads = true
                    let cpus = LinuxCalls.affinity()
                    let limit = DescriptorLimit.allowing(2)
                    let error = #expect(throws: IOError.self) {
                        try Runtime.runBlocking(options) { _ in }
                    }
                    limit.restore()
                    #expect(error?.code == .resourcesExhausted)
                    #expect(LinuxCalls.affinity() == cpus)
                }
            }
        }

        private static var threadName: String? {
            AvailableCPUs.contents(of: "/proc/thread-self/comm")
        }
    }
}
