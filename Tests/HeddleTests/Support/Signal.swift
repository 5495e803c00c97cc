@testable import Heddle

/// An event that happens once and that tests wait for, instead of asking again and again. Safe to use
/// from any thread.
// Sendable: `count`, `waiters` and `nextWaiter` are guarded by `lock`.
final class Signal: @unchecked Sendable {
    private let lock = Lock()
    private var count: Int
    private var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
    private var nextWaiter = 0

    /// - Parameter count: how many times `fire` is called before the event has happened.
    init(after count: Int = 1) {
        self.count = count
    }

    var hasFired: Bool { lock.withLock { count <= 0 } }

    func fire() {
        let woken = lock.withLock {
            count -= 1
            guard count == 0 else { return [CheckedContinuation<Bool, Never>]() }
            lock.signalAll()
            defer { waiters = [:] }
            return Array(waiters.values)
        }
        for waiter in woken { waiter.resume(returning: true) }
    }

    /// Waits for the event.
    ///
    /// - Throws: `CancellationError` if the task is cancelled first.
    func wait() async throws {
        let number = lock.withLock {
            nextWaiter += 1
            return nextWaiter
        }
        let fired = await withTaskCancellationHandler {
            await withCheckedContinuation { add($0, as: number) }
        } onCancel: {
            lock.withLock { waiters.removeValue(forKey: number) }?.resume(returning: false)
        }
        if !fired { throw CancellationError() }
    }

    /// Blocks the thread until the event; false if it did not come in time.
    func waitBlocking(for limit: Duration = .seconds(30)) -> Bool {
        let deadline = UVLoop.hrtimeNanoseconds + UInt64(limit.clampedNanoseconds)
        return lock.withLock {
            while count > 0, lock.wait(untilNanoseconds: deadline) {}
            return count <= 0
        }
    }

    private func add(_ waiter: CheckedContinuation<Bool, Never>, as number: Int) {
        let known: Bool? = lock.withLock {
            if count <= 0 { return true }
            if Task.isCancelled { return false }
            waiters[number] = waiter
            return nil
        }
        if let known { waiter.resume(returning: known) }
    }
}
