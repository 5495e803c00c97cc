/// Whose turn it is to try again while the system is short of something: those who ran into that try one
/// after the other, however many loops and listeners they are. Shared by the loops of one runtime; safe to
/// use from any thread.
// Sendable: `waiting` is guarded by `lock`.
final class RetryTurns: @unchecked Sendable {
    /// With a try in each interval, all together make 10 a second.
    static let intervalNanoseconds: UInt64 = 100_000_000

    private let lock = Lock()
    /// Who waits, the longest first, and how to tell each that there is no need to.
    private var waiting: [(id: ObjectIdentifier, wake: @Sendable () -> Void)] = []

    /// Takes a turn behind those who wait already. `wake` is called, on any thread, if another of them has
    /// had luck before.
    ///
    /// - Returns: how long to wait, in nanoseconds.
    func wait(_ id: ObjectIdentifier, wake: @escaping @Sendable () -> Void) -> UInt64 {
        lock.withLock {
            waiting.append((id, wake))
            return Self.intervalNanoseconds * UInt64(waiting.count)
        }
    }

    /// Whoever waited tries now, or has no need to any more.
    func leave(_ id: ObjectIdentifier) {
        // What is let go must not end inside the lock.
        let gone = lock.withLock {
            waiting.firstIndex { $0.id == id }.map { waiting.remove(at: $0) }
        }
        withExtendedLifetime(gone) {}
    }

    /// A try has succeeded: the next one need not wait. It passes that on when it has had luck too, so a
    /// little that was freed is not run at by all at once.
    func passOn() {
        let next = lock.withLock { waiting.isEmpty ? nil : waiting.removeFirst() }
        next?.wake()
    }

    /// How many wait.
    var count: Int { lock.withLock { waiting.count } }
}
