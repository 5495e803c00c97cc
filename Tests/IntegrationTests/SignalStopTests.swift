import Foundation
import Heddle
import TestSupport
import Testing

/// `Runtime.run(stoppingOn:)`, with one whose default action is to do nothing, and that no
/// other suite uses.
@Suite("Stopping on signals", .together, .serialized, .timeLimit(.minutes(1)))
struct SignalStopTests {
    private static func options(drain: Duration = .seconds(20)) -> Runtime.Options {
        var options = Runtime.Options(threads: 2)
        options.drainTimeout = drain
        return options
    }

    @Test func `a signal stops the servers, and the body ends as it likes`() async throws {
        let result = try await Runtime.run(Self.options(), stoppingOn: [.resume]) { runtime in
            let server = try await runtime.listen(on: .loopback(port: 0))
            ProcessSignal.resume.sendToProcess()
            try await server.serve { _ in }
            return "served"
        }
        #expect(result == "served")
        #expect(ProcessSignal.resume.hasDefaultAction)
    }

    @Test func `without a signal the body's result comes, and the defaults are back`() async throws
    {
        let result = try await Runtime.run(Self.options(), stoppingOn: [.resume]) { _ in 42 }
        #expect(result == 42)
        #expect(ProcessSignal.resume.hasDefaultAction)
    }

    @Test func `a connection drains until a second signal`() async throws {
        let start = ContinuousClock.now
        try await Runtime.run(Self.options(drain: .seconds(3000)), stoppingOn: [.resume]) {
            runtime in
            let server = try await runtime.listen(on: .loopback(port: 0))
            // Of a runtime that does not end first.
            let other = try Runtime.start(.init(threads: 1))
            let client = try await TCPConnection.connect(
                to: server.localAddress, on: other.loops[0])
            try await client.write("first")
            try await server.serve { connection in
                for try await bytes in connection.inbound {
                    ProcessSignal.resume.sendToProcess()
                    guard bytes == "first" else { continue }
                    // Two signals at once could be one: the first has come when nobody listens any more.
                    try await EchoCommandTests.waitUntilRefused(
                        server.localAddress, on: other.loops[0])
                    try await client.write("second")
                }
            }
            try await other.stop(within: .zero)
        }
        #expect(ContinuousClock.now - start < .seconds(30))
        #expect(ProcessSignal.resume.hasDefaultAction)
    }

    @Test func `a body that waits for something else is cancelled after the drain`() async throws {
        let result: Int? = try await Runtime.run(
            Self.options(drain: .milliseconds(20)), stoppingOn: [.resume]
        ) { _ in
            ProcessSignal.resume.sendToProcess()
            // Sleeps: what is to be broken off.
            try await Task.sleep(for: .seconds(3000))
            return 1
        }
        #expect(result == nil)
    }

    @Test func `an error of the body comes out, signal or not`() async throws {
        struct Failed: Error {}
        for signals in 0..<2 {
            await #expect(throws: Failed.self) {
                try await Runtime.run(
                    Self.options(drain: .milliseconds(20)), stoppingOn: [.resume]
                ) { runtime in
                    guard signals > 0 else { throw Failed() }
                    ProcessSignal.resume.sendToProcess()
                    do {
                        try await runtime.loops[0].clock.sleep(for: .seconds(3000))
                    } catch { throw Failed() }
                }
            }
        }
        #expect(ProcessSignal.resume.hasDefaultAction)
    }

    @Test func `cancelling the caller cancels the body, which is no signal`() async throws {
        let started = AsyncStream<Void>.makeStream()
        let run = Task {
            try await Runtime.run(Self.options(), stoppingOn: [.resume]) { runtime in
                started.continuation.finish()
                try await runtime.loops[0].clock.sleep(for: .seconds(3000))
            }
        }
        for await _ in started.stream {}
        run.cancel()
        await #expect(throws: CancellationError.self) { try await run.value }
    }

    @Test func `a signal that cannot be watched is refused, and nothing is left`() async throws {
        let error = await #expect(throws: IOError.self) {
            try await Runtime.run(stoppingOn: [.resume, .kill]) { _ in
                Issue.record("the body ran")
            }
        }
        #expect(error?.code == .invalidArgument)
        #expect(ProcessSignal.resume.hasDefaultAction)
    }

    @Test func `a blocking run is stopped by a signal too`() throws {
        let served = try Runtime.runBlocking(Self.options(), stoppingOn: [.resume]) { runtime in
            let server = try await runtime.listen(on: .loopback(port: 0))
            ProcessSignal.resume.sendToProcess()
            try await server.serve { _ in }
            return true
        }
        #expect(served == true)
        #expect(ProcessSignal.resume.hasDefaultAction)
        let nothing = try Runtime.runBlocking(
            Self.options(drain: .milliseconds(20)), stoppingOn: [.resume]
        ) { runtime in
            ProcessSignal.resume.sendToProcess()
            try await runtime.loops[1].clock.sleep(for: .seconds(3000))
            return 1
        }
        #expect(nothing == nil)
        #expect(try Runtime.runBlocking(stoppingOn: [.resume]) { _ in 7 } == 7)
    }
}
