import Foundation
import Heddle
import TestSupport
import Testing

/// Signals belong to the whole process, so each test has one of its own, whose default action is to be
/// ignored.
@Suite("SignalWatch", .together, .serialized, .timeLimit(.minutes(1)))
struct SignalWatchTests {
    @Test func `signals come in order, also those sent before somebody asks`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let watch = try await SignalWatch.start(
                [.windowSizeChange, .urgent], on: runtime.loops[0])
            ProcessSignal.windowSizeChange.sendToProcess()
            #expect(await watch.next() == .windowSizeChange)
            async let next = watch.next()
            ProcessSignal.urgent.sendToProcess()
            #expect(await next == .urgent)
            await watch.close()
        }
        #expect(ProcessSignal.windowSizeChange.hasDefaultAction)
        #expect(ProcessSignal.urgent.hasDefaultAction)
    }

    @Test func `a watch is a sequence that its close ends`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.loops[0]
            let watch = try await SignalWatch.start([.urgent], on: loop)
            let count = loop.task {
                var count = 0
                for await signal in watch {
                    #expect(signal == .urgent)
                    count += 1
                    if count == 2 {
                        await watch.close()
                    } else {
                        ProcessSignal.urgent.sendToProcess()
                    }
                }
                return count
            }
            ProcessSignal.urgent.sendToProcess()
            #expect(try await count.value == 2)
        }
    }

    @Test func `every loop of every runtime hears of a signal`() async throws {
        // libuv: we_get_signals, signal_multiple_loops.
        try await Runtime.run(.init(threads: 2)) { first in
            try await Runtime.run(.init(threads: 1)) { second in
                var watches: [SignalWatch] = []
                for loop in first.loops + second.loops {
                    watches.append(try await SignalWatch.start([.urgent], on: loop))
                }
                for _ in 0..<10 {
                    ProcessSignal.urgent.sendToProcess()
                    for watch in watches { #expect(await watch.next() == .urgent) }
                }
                for watch in watches { await watch.close() }
            }
        }
        #expect(ProcessSignal.urgent.hasDefaultAction)
    }

    @Test func `the default action is back when the last watch has closed`() async throws {
        try await Runtime.run(.init(threads: 2)) { runtime in
            let first = try await SignalWatch.start([.windowSizeChange], on: runtime.loops[0])
            let second = try await SignalWatch.start([.windowSizeChange], on: runtime.loops[1])
            await first.close()
            await first.close()
            #expect(!ProcessSignal.windowSizeChange.hasDefaultAction)
            #expect(await first.next() == nil)
            ProcessSignal.windowSizeChange.sendToProcess()
            #expect(await second.next() == .windowSizeChange)
            await second.close()
            #expect(ProcessSignal.windowSizeChange.hasDefaultAction)
        }
    }

    @Test func `while many of one kind wait, one of another still has its place`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let watch = try await SignalWatch.start(
                [.windowSizeChange, .urgent], on: runtime.loops[0])
            let probe = try await SignalWatch.start([.windowSizeChange], on: runtime.loops[0])
            let last = try await SignalWatch.start([.urgent], on: runtime.loops[0])
            for _ in 0..<40 {
                ProcessSignal.windowSizeChange.sendToProcess()
                #expect(await probe.next() == .windowSizeChange)
            }
            ProcessSignal.urgent.sendToProcess()
            // Signals reach a loop in their order: by now the watch has had all of those before.
            #expect(await last.next() == .urgent)
            var came: [ProcessSignal] = []
            while came.last != .urgent, let signal = await watch.next() { came.append(signal) }
            #expect(came == Array(repeating: .windowSizeChange, count: 16) + [.urgent])
            for each in [probe, last, watch] { await each.close() }
        }
    }

    @Test func `of two tasks that wait each gets a signal of its own`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.loops[0]
            let watch = try await SignalWatch.start([.windowSizeChange, .urgent], on: loop)
            let waits = (0..<2).map { _ in loop.task { await watch.next() } }
            ProcessSignal.windowSizeChange.sendToProcess()
            ProcessSignal.urgent.sendToProcess()
            var came: Set<ProcessSignal?> = []
            for wait in waits { came.insert(try await wait.value) }
            #expect(came == [.windowSizeChange, .urgent])
            await watch.close()
        }
    }

    @Test func `cancelling ends a wait and leaves the watch as it was`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.loops[0]
            let watch = try await SignalWatch.start([.windowSizeChange], on: loop)
            let wait = loop.task { await watch.next() }
            wait.cancel()
            #expect(try await wait.value == nil)
            ProcessSignal.windowSizeChange.sendToProcess()
            #expect(await watch.next() == .windowSizeChange)
            await watch.close()
        }
    }

    @Test func `a stop of the loop ends a wait and gives the default action back`() async throws {
        let runtime = try Runtime.start(.init(threads: 1))
        let watch = try await SignalWatch.start([.urgent], on: runtime.loops[0])
        let wait = runtime.loops[0].task { await watch.next() }
        try await runtime.stop(within: .zero)
        #expect(try await wait.value == nil)
        #expect(ProcessSignal.urgent.hasDefaultAction)
        #expect(await watch.next() == nil)
        await watch.close()
    }

    @Test func `a dropped watch closes itself`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            var watch: SignalWatch? = try await SignalWatch.start([.urgent], on: runtime.loops[0])
            #expect(watch != nil && !ProcessSignal.urgent.hasDefaultAction)
            watch = nil
        }
        #expect(ProcessSignal.urgent.hasDefaultAction)
    }

    @Test(arguments: [0, -1, 999, 65, 32, SIGKILL, SIGSTOP, SIGSEGV, SIGABRT, SIGPIPE])
    func `what cannot be watched is refused`(_ number: Int32) async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let signal = ProcessSignal(rawValue: number)
            let error = await #expect(throws: IOError.self) {
                _ = try await SignalWatch.start([.windowSizeChange, signal], on: runtime.loops[0])
            }
            #expect(error?.code == .invalidArgument)
            #expect(error?.subject == "\(signal)")
        }
        #expect(ProcessSignal.windowSizeChange.hasDefaultAction)
    }

    @Test func `a watch of nothing is refused`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let error = await #expect(throws: IOError.self) {
                _ = try await SignalWatch.start([], on: runtime.loops[0])
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test func `on a stopped loop nothing can be watched`() async throws {
        let runtime = try Runtime.start(.init(threads: 1))
        try await runtime.stop()
        let error = await #expect(throws: IOError.self) {
            _ = try await SignalWatch.start([.windowSizeChange], on: runtime.loops[0])
        }
        #expect(error?.code == .loopStopped)
    }
}
