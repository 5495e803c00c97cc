import Synchronization
import Testing

@testable import Heddle

/// Gives `body` a loop of its own, and runs it there as a task on the loop. Afterwards stops the loop
/// and expects that it closed with nothing left: no handle, connection, timer, member, descriptor or
/// thread.
///
/// - Parameter grace: how long what `body` left behind may drain.
@discardableResult
func withTestLoop<T: Sendable>(
    name: String = "test-loop", grace: Duration = .seconds(5), limit: Duration = .seconds(60),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: @escaping @Sendable (EventLoop) async throws -> T
) async throws -> T {
    let check = try await ResourceCheck()
    let worker = Worker(name: name)
    try worker.start()
    let loop = try worker.loop
    return try await checking(
        [loop], check, limit, sourceLocation, stop: { try await worker.stop(within: grace) }
    ) {
        try await loop.task { try await body(loop) }.cancellableValue
    }
}

/// Gives `body` a runtime with `threads` loops; `body` itself runs on none of them. Ends with the same
/// expectations as `withTestLoop`, for each loop.
@discardableResult
func withTestRuntime<T: Sendable>(
    threads: Int = 2, grace: Duration = .seconds(5), limit: Duration = .seconds(60),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: @escaping @Sendable (Runtime) async throws -> T
) async throws -> T {
    let check = try await ResourceCheck()
    let runtime = try Runtime.start(.init(threads: threads))
    return try await checking(
        runtime.loops, check, limit, sourceLocation,
        stop: { try await runtime.stop(within: grace) }
    ) {
        try await body(runtime)
    }
}

private func checking<T: Sendable>(
    _ loops: [EventLoop], _ check: ResourceCheck, _ limit: Duration,
    _ sourceLocation: SourceLocation, stop: @escaping @Sendable () async throws -> Void,
    _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
    var threads: [Int] = []
    for loop in loops { threads.append(await loop.run { _ in ResourceCheck.currentThread }) }
    let outcome: Result<T, any Error>
    do {
        outcome = .success(
            try await waiting(for: limit, "the body", sourceLocation: sourceLocation, body))
    } catch {
        outcome = .failure(error)
    }
    do {
        try await waiting(for: limit, "the loop's end", sourceLocation: sourceLocation, stop)
        for loop in loops { await expectNothingLeft(on: loop, sourceLocation: sourceLocation) }
        ResourceCheck.expectEnded(threads: threads, sourceLocation: sourceLocation)
        check.expectUnchanged(sourceLocation: sourceLocation)
    } catch {
        Issue.record(error, "the loop did not end well", sourceLocation: sourceLocation)
    }
    return try outcome.get()
}

/// Expects a stopped loop, whose thread was waited for, to be empty.
///
/// Late jobs may still change what is looked at. They run one after the other, so the look is one of them.
func expectNothingLeft(
    on loop: EventLoop, sourceLocation: SourceLocation = #_sourceLocation
) async {
    await loop.run { loop in
        let core = loop.core
        #expect(core.uv.isClosed, "\(loop.name) is not closed", sourceLocation: sourceLocation)
        #expect(core.uv.liveDescription == "", "handles are left", sourceLocation: sourceLocation)
        #expect(core.timers.count == 0, "timers are left", sourceLocation: sourceLocation)
        #expect(core.members.isEmpty, "members are left", sourceLocation: sourceLocation)
        let connections = core.openConnections
        #expect(connections == 0, "connections are counted", sourceLocation: sourceLocation)
    }
}

extension Task where Failure == any Error {
    /// The task's value; cancelling the waiting task cancels this one.
    var cancellableValue: Success {
        get async throws {
            try await withTaskCancellationHandler {
                try await value
            } onCancel: {
                cancel()
            }
        }
    }
}
