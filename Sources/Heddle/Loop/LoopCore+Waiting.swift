/// How tasks wait on a loop, and how code gets onto it.
extension LoopCore {
    /// Suspends the current task until `waiter` is woken. On the loop only.
    @inline(__always)
    func park(_ waiter: Waiter) async {
        // The switch to the gate calls `enqueue` on this thread before anything else can run.
        queues.setParking(waiter)
        await gate.pass()
        // The executor does not hold the waiter: this frame does, until here.
        withExtendedLifetime(waiter) {}
    }

    /// Lets whatever else is ready have its turn first: for operations that may never wait, and that somebody may
    /// repeat for ever. On the loop only, while it takes work.
    func passTurn() async {
        let waiter = Waiter()
        // A place for nobody: who parks there is sent on at once.
        waiter.expectedTask = .max
        await park(waiter)
    }

    /// Suspends until `waiter` ends; cancelling the task ends it as `.cancelled`. On the loop only.
    func wait(for waiter: Waiter) async {
        let ending = WaiterReference(waiter)
        await withTaskCancellationHandler {
            while waiter.end == .pending { await park(waiter) }
        } onCancel: {
            self.post { ending.waiter.finish(.cancelled, on: self) }
        }
    }

    /// Suspends until `waiter` is woken once, for whatever reason; cancelling the task ends the wait as
    /// `.cancelled`. The caller looks at the state again. On the loop only.
    func waitOnce(for waiter: Waiter) async {
        let ending = WaiterReference(waiter)
        await withTaskCancellationHandler {
            if waiter.end == .pending { await park(waiter) }
        } onCancel: {
            self.post { ending.waiter.finish(.cancelled, on: self) }
        }
    }

    /// The same as `wait`, throwing unless what was waited for happened.
    func waitOrThrow(for waiter: Waiter, _ operation: @autoclosure () -> String) async throws {
        await wait(for: waiter)
        switch waiter.end {
        case .fired, .pending: return
        case .cancelled: throw CancellationError()
        case .loopStopped: throw stoppedError(operation())
        }
    }

    /// Runs `body` on the loop's thread and comes back with what it returned.
    @concurrent
    func hop<T: Sendable>(_ body: @Sendable @concurrent () async throws -> T) async throws -> T {
        try await withTaskExecutorPreference(self) { try await body() }
    }

    func stoppedError(_ operation: String, on subject: String? = nil) -> IOError {
        IOError(
            .loopStopped, operation, on: subject, reason: "the event loop '\(name)' has stopped")
    }

    /// Which task is running, as a number to compare; 0 outside tasks.
    @inline(__always)
    static var currentTaskIdentity: UInt {
        // One pointer in a struct; only its value is used, never what it points to.
        unsafe withUnsafeCurrentTask { task in
            guard let task = unsafe task else { return 0 }
            return unsafe unsafeBitCast(task, to: UInt.self)
        }
    }
}

/// Carries a waiter to a cancellation handler.
// Sendable: the waiter is touched only by what the handler posts to the waiter's own loop.
private final class WaiterReference: @unchecked Sendable {
    let waiter: Waiter

    init(_ waiter: Waiter) {
        self.waiter = waiter
    }
}
