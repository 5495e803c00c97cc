import Testing

@testable import Heddle

/// A test waited for something that did not come.
struct WaitedTooLong: Error {}

/// Runs `body` and fails the test, instead of hanging it, when that takes longer than `limit`.
///
/// On a loop, `body` runs on it too. A body that does not come back after its cancellation is left
/// behind: the test has failed anyway.
@discardableResult
func waiting<T: Sendable>(
    for limit: Duration = .seconds(10), _ what: String = "it",
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
    let outcome = FirstOutcome<T>()
    let work = Task(executorPreference: EventLoop.current?.taskExecutor) {
        do { outcome.set(.success(try await body())) } catch { outcome.set(.failure(error)) }
    }
    let watch = Task {
        // Sleeps: the bound on the wait; the thing itself ends it.
        try await Task.sleep(for: limit, clock: .continuous)
        if outcome.set(.failure(WaitedTooLong())) {
            Issue.record("\(what) did not come within \(limit)", sourceLocation: sourceLocation)
        }
        work.cancel()
    }
    defer { watch.cancel() }
    return try await withTaskCancellationHandler {
        try await outcome.get()
    } onCancel: {
        work.cancel()
    }
}

/// What came first, for one waiting task.
// Sendable: `result` and `waiter` are guarded by `lock`.
private final class FirstOutcome<T: Sendable>: @unchecked Sendable {
    private let lock = Lock()
    private var result: Result<T, any Error>?
    private var waiter: CheckedContinuation<T, any Error>?

    @discardableResult
    func set(_ outcome: Result<T, any Error>) -> Bool {
        let (isFirst, waiter) = lock.withLock {
            guard result == nil else { return (false, self.waiter) }
            result = outcome
            defer { self.waiter = nil }
            return (true, self.waiter)
        }
        if isFirst { waiter?.resume(with: outcome) }
        return isFirst
    }

    func get() async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            let known = lock.withLock {
                if result == nil { waiter = continuation }
                return result
            }
            if let known { continuation.resume(with: known) }
        }
    }
}
