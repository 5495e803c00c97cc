internal import Glibc

/// A mutual-exclusion lock with a condition to wait for. Owned by the object whose fields it guards.
///
/// A heap `pthread_mutex_t`, not `Synchronization.Mutex`: ThreadSanitizer cannot see into the latter
/// and reports races that are not there.
// Sendable: pthread objects are made to be used from several threads; nothing else is stored.
// Unsafe: the parts are allocated in `init`, never move, and live until `deinit`.
@safe final class Lock: @unchecked Sendable {
    // Plain memory, which only pthread calls read and write.
    @safe private struct Parts {
        var mutex = unsafe pthread_mutex_t()
        var condition = pthread_cond_t()
    }

    private let parts: UnsafeMutablePointer<Parts>
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    init() {
        // One allocation for both: a loop has several locks.
        unsafe parts = .allocate(capacity: 1)
        unsafe parts.initialize(to: Parts())
        unsafe mutex = parts.pointer(to: \.mutex)!
        unsafe condition = parts.pointer(to: \.condition)!
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        // Deadlines must not jump with the wall clock.
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe parts.deallocate()
    }

    @inline(__always)
    func withLock<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Waits, holding the lock before and after, until `signalAll` or the deadline; whether in time.
    ///
    /// - Parameter deadlineNanoseconds: on the monotonic clock; nil waits without end.
    func wait(untilNanoseconds deadlineNanoseconds: UInt64?) -> Bool {
        guard let deadlineNanoseconds else {
            return unsafe pthread_cond_wait(condition, mutex) == 0
        }
        var time = timespec()
        time.tv_sec = Int(deadlineNanoseconds / 1_000_000_000)
        time.tv_nsec = Int(deadlineNanoseconds % 1_000_000_000)
        return unsafe pthread_cond_timedwait(condition, mutex, &time) == 0
    }

    func signalAll() {
        unsafe pthread_cond_broadcast(condition)
    }
}
