/// The one event at the end of a worker: published once, with a result that every waiter gets, also one
/// that comes later. Owned by the worker; safe to use from any thread.
// Sendable: `result`, `waiters` and `nextWaiter` are guarded by `lock`.
final class StoppedEvent: @unchecked Sendable {
    typealias Outcome = Result<Void, any Error>

    private let lock = Lock()
    private var result: Outcome?
    private var waiters: [Int: CheckedContinuation<Outcome?, Never>] = [:]
    private var nextWaiter = 0

    /// Stores the result and wakes everybody.
    func publish(_ outcome: Outcome) {
        let woken = lock.withLock {
            precondition(result == nil, "a worker's end was published twice")
            result = outcome
            lock.signalAll()
            defer { waiters = [:] }
            return Array(waiters.values)
        }
        for waiter in woken { waiter.resume(returning: outcome) }
    }

    var outcome: Outcome? {
        lock.withLock { result }
    }

    /// Waits for the end, however long it takes and whatever is cancelled.
    func wait() async -> Outcome {
        await withCheckedContinuation { add($0, as: nil) } ?? .success(())
    }

    /// Waits for the end; nil if the task is cancelled first.
    func waitUnlessCancelled() async -> Outcome? {
        let number = lock.withLock {
            nextWaiter += 1
            return nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { add($0, as: number) }
        } onCancel: {
            let waiter = lock.withLock { waiters.removeValue(forKey: number) }
            waiter?.resume(returning: nil)
        }
    }

    /// Waits for the end, blocking the thread; nil if the deadline comes first.
    func waitBlocking(untilNanoseconds deadline: UInt64?) -> Outcome? {
        lock.withLock {
            while result == nil, lock.wait(untilNanoseconds: deadline) {}
            return result
        }
    }

    private func add(_ waiter: CheckedContinuation<Outcome?, Never>, as number: Int?) {
        let known: Outcome?? = lock.withLock {
            if let result { return .some(result) }
            // Its cancellation may have come before it: then it must not be left waiting.
            if number != nil, Task.isCancelled { return .some(nil) }
            nextWaiter += 1
            waiters[number ?? -nextWaiter] = waiter
            return .none
        }
        if let known { waiter.resume(returning: known) }
    }
}
