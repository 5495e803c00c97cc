/// Where a task leaves its result for a thread that reads it after the task's loop has ended.
// Sendable: `result` is guarded by `lock`.
final class ResultSlot<T: Sendable>: @unchecked Sendable {
    private let lock = Lock()
    private var result: Result<T, any Error>?

    func set(_ result: Result<T, any Error>) {
        lock.withLock {
            self.result = result
            lock.signalAll()
        }
    }

    /// Waits for the result, blocking the thread; nil if the deadline comes first.
    ///
    /// - Parameter deadline: in nanoseconds of the monotonic clock; nil waits without end.
    func wait(untilNanoseconds deadline: UInt64?) -> Result<T, any Error>? {
        lock.withLock {
            while result == nil, lock.wait(untilNanoseconds: deadline) {}
            return result
        }
    }
}
