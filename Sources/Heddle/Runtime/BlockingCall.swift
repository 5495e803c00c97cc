/// One piece of blocking work, from the call to its end. Owned by the task that waits for it, and by the pool
/// while it is in line or runs.
// Sendable: `ticket` and `isCancelled` are guarded by the pool's lock; what a subclass holds belongs to the
// call until it is submitted, then to whoever took it out of line.
class BlockingWork: @unchecked Sendable {
    /// Its place in line, once it has one.
    final var ticket: BlockingMachine<BlockingWork>.Ticket?
    /// Whether its task was cancelled before it was submitted.
    final var isCancelled = false

    /// Runs it, on a thread of the pool.
    func perform() {}

    /// Tells the waiting task how it ended, after `perform`.
    func complete() {}

    /// Ends the wait without having run anything.
    func fail(_ error: any Error) {}
}

/// Blocking work with a result, and the task that waits for it.
// Sendable: as said at `BlockingWork`.
// The waiting task is set before the work is submitted, and resumed by the one who took the work out of
// line: either by `complete` or by `fail`.
final class BlockingCall<T: Sendable>: BlockingWork, @unchecked Sendable {
    private var body: (@Sendable () throws -> T)?
    private var result: Result<T, any Error>?
    var caller: Suspension<Result<T, any Error>>?

    init(_ body: @escaping @Sendable () throws -> T) {
        self.body = body
    }

    override func perform() {
        // What the closure holds is let go here, before the caller goes on.
        guard let body = body.take() else { return }
        result = Result { try body() }
    }

    override func complete() {
        guard let result = result.take() else { return }
        caller?.resume(returning: result)
    }

    override func fail(_ error: any Error) {
        body = nil
        caller?.resume(returning: .failure(error))
    }
}
