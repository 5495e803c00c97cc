/// Where a task leaves its result for a thread that reads it after the task's loop has ended.
// Sendable: `result` is guarded by `lock`.
final class ResultSlot<T: Sendable>: @unchecked Sendable {
    private let lock = Lock()
    private var result: Result<T, any Error>?

    func set(_ result: Result<T, any Error>) {
        lock.withLock { self.result = result }
    }

    /// - Throws: the task's error; `CancellationError` if the task never ended.
    func get() throws -> T {
        guard let result = lock.withLock({ result }) else { throw CancellationError() }
        return try result.get()
    }
}
