import Foundation
import Heddle
import TestSupport
import Testing

/// Signals belong to the whole process, so each test has one of its own, whose default action is to be
/// ignored.
@Suite("SignalWatch", .together, .serialized, .timeLimit(.minutes(1)))
struct SignalWatchTests {
    /// Whether the process has the default action for `signal`.
    private static func isDefault(_ signal: Int32) -> Bool {
        var action = sigaction()
        sigaction(signal, nil, &action)
        return action.__sigaction_handler.sa_handler == nil
    }

    @Test func `signals come in order, also those sent before somebody asks`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let watch = try await SignalWatch.start([SIGWINCH, SIGURG], on: runtime.loops[0])
            kill(getpid(), SIGWINCH)
            #expect(await watch.next() == SIGWINCH)
            async let next = watch.next()
            kill(getpid(), SIGURG)
            #expect(await next == SIGURG)
            await watch.close()
        }
        #expect(Self.isDefault(SIGWINCH))
        #expect(Self.isDefault(SIGURG))
    }

    @Test func `the default action is back when the last watch has closed`() async throws {
        try await Runtime.run(.init(threads: 2)) { runtime in
            let first = try await SignalWatch.start([SIGWINCH], on: runtime.loops[0])
            let second = try await SignalWatch.start([SIGWINCH], on: runtime.loops[1])
            await first.close()
            await first.close()
            #expect(!Self.isDefault(SIGWINCH))
            #expect(await first.next() == nil)
            kill(getpid(), SIGWINCH)
            #expect(await second.next() == SIGWINCH)
            await second.close()
            #expect(Self.isDefault(SIGWINCH))
        }
    }

    @Test func `cancelling ends a wait and leaves the watch as it was`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.loops[0]
            let watch = try await SignalWatch.start([SIGWINCH], on: loop)
            let wait = loop.task { await watch.next() }
            wait.cancel()
            #expect(try await wait.value == nil)
            kill(getpid(), SIGWINCH)
            #expect(await watch.next() == SIGWINCH)
            await watch.close()
        }
    }

    @Test func `a stop of the loop ends a wait and gives the default action back`() async throws {
        let runtime = try Runtime.start(.init(threads: 1))
        let watch = try await SignalWatch.start([SIGURG], on: runtime.loops[0])
        let wait = runtime.loops[0].task { await watch.next() }
        try await runtime.stop(within: .zero)
        #expect(try await wait.value == nil)
        #expect(Self.isDefault(SIGURG))
        #expect(await watch.next() == nil)
        await watch.close()
    }

    @Test func `a dropped watch closes itself`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            var watch: SignalWatch? = try await SignalWatch.start([SIGURG], on: runtime.loops[0])
            #expect(watch != nil && !Self.isDefault(SIGURG))
            watch = nil
        }
        #expect(Self.isDefault(SIGURG))
    }

    @Test(arguments: [0, -1, 999, SIGKILL])
    func `what cannot be watched is refused`(_ signal: Int32) async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let error = await #expect(throws: IOError.self) {
                _ = try await SignalWatch.start([SIGWINCH, signal], on: runtime.loops[0])
            }
            #expect(error?.code == .invalidArgument)
            #expect(error?.subject == "\(signal)")
        }
        #expect(Self.isDefault(SIGWINCH))
    }

    @Test func `on a stopped loop nothing can be watched`() async throws {
        let runtime = try Runtime.start(.init(threads: 1))
        try await runtime.stop()
        let error = await #expect(throws: IOError.self) {
            _ = try await SignalWatch.start([SIGWINCH], on: runtime.loops[0])
        }
        #expect(error?.code == .loopStopped)
    }
}
