/// One loop's share of libuv's worker pool: so many pieces of work at a time, and no more. Owned by the
/// loop; used on its thread.
///
/// The pool belongs to the whole process and its queue has no bound, so a loop hands it a few pieces and
/// lets further callers wait, first come, first served. A caller that is cancelled goes on at once: work
/// that no thread has begun is taken back; what has begun runs to its end and holds its place until then.
final class PoolShare: LoopMember {
    /// Pieces of work that one loop has in the pool at a time. The pool has four threads unless
    /// `UV_THREADPOOL_SIZE` says otherwise; the rest keeps them busy while the loop is.
    static let maximumInFlight = 32

    private unowned let core: LoopCore
    /// What libuv has now, by the order it was handed over.
    private var inFlight: [UInt64: UVWork] = [:]
    private var nextWork: UInt64 = 0
    private var placesTaken = 0
    /// Who waits for a place, by the number drawn; those from `firstNumber` on.
    private var waiting: [UInt64: Waiter] = [:]
    private var firstNumber: UInt64 = 0
    private var nextNumber: UInt64 = 0

    init(core: LoopCore) {
        self.core = core
    }

    /// How many callers wait for a place.
    var waitingCount: Int { waiting.count }

    /// How many places are taken.
    var takenCount: Int { placesTaken }

    // MARK: Work

    /// Runs `body` on a thread of the pool and returns what it returned.
    ///
    /// - Parameters:
    ///   - operation: what is tried, for the error; `subject`: on what.
    ///   - discard: gets a result that nobody takes any more, on the loop.
    ///   - begun: runs on the loop right before the pool gets `body`, and may still refuse.
    ///   - ended: runs on the loop when the pool is done with it, also after a cancellation.
    /// - Throws: what `body` throws; `CancellationError`; ``IOError/Code/loopStopped``.
    func perform<T: Sendable>(
        _ operation: String, on subject: String?, discard: @escaping (T) -> Void = { _ in },
        begun: () throws -> Void = {}, ended: @escaping () -> Void = {},
        _ body: @escaping @Sendable () throws -> T
    ) async throws -> T {
        let job = try await begin(
            operation, on: subject, discard: discard, begun: begun, ended: ended, body)
        return try await result(of: job, operation, on: subject)
    }

    /// Starts `body` if a place is free; nil if none is. For who looks ahead and need not have it.
    func beginIfFree<T: Sendable>(
        begun: () throws -> Void, ended: @escaping () -> Void,
        _ body: @escaping @Sendable () throws -> T
    ) throws -> PoolJob<T>? {
        guard !core.isRefusingWork, placesTaken < Self.maximumInFlight else { return nil }
        try begun()
        placesTaken += 1
        return begin(body, discard: { _ in }, ended: ended)
    }

    /// Waits for a place and starts `body`, without waiting for its end. As `perform`.
    func begin<T: Sendable>(
        _ operation: String, on subject: String?, discard: @escaping (T) -> Void = { _ in },
        begun: () throws -> Void, ended: @escaping () -> Void,
        _ body: @escaping @Sendable () throws -> T
    ) async throws -> PoolJob<T> {
        try await takePlace(operation, on: subject)
        do {
            try begun()
        } catch {
            givePlaceBack()
            throw error
        }
        return begin(body, discard: discard, ended: ended)
    }

    /// Waits for a job that was begun.
    func result<T: Sendable>(
        of job: PoolJob<T>, _ operation: String, on subject: String?
    ) async throws -> T {
        await core.wait(for: job.waiter)
        switch job.waiter.end {
        case .fired:
            return try job.takeResult()
        case .cancelled:
            job.abandon()
            throw CancellationError()
        case .loopStopped, .pending:
            throw core.stoppedError(operation, on: subject)
        }
    }

    /// Runs `body`, which gives something back to the system, without waiting for a place: closing must
    /// not stand behind reading. What is given back bounds how many there are.
    func release(_ body: @escaping @Sendable () -> Void, ended: @escaping () -> Void) {
        guard !core.isRefusingWork else {
            // The loop is ending and serves nobody any more: this may as well be done here.
            body()
            return ended()
        }
        start(body) { ran in
            // Taken back by the loop's end: there is still something to give back.
            if !ran { body() }
            ended()
        }
    }

    private func begin<T: Sendable>(
        _ body: @escaping @Sendable () throws -> T, discard: @escaping (T) -> Void,
        ended: @escaping () -> Void
    ) -> PoolJob<T> {
        let job = PoolJob(body: body, discard: discard)
        let core = core
        job.work = start({ job.run() }) { [self] ran in
            job.work = nil
            givePlaceBack()
            job.discardIfAbandoned()
            ended()
            job.waiter.finish(ran ? .fired : .loopStopped, on: core)
        }
        return job
    }

    @discardableResult
    private func start(
        _ body: @escaping @Sendable () -> Void, ended: @escaping (_ ran: Bool) -> Void
    ) -> UVWork {
        // The first work makes this a member, which hears of the loop's end.
        if core.members[ObjectIdentifier(self)] == nil { core.addMember(self) }
        let number = nextWork
        nextWork += 1
        let work = UVWork(loop: core.uv, body: body) { [self] ran in
            inFlight[number] = nil
            ended(ran)
        }
        inFlight[number] = work
        return work
    }

    // MARK: Places

    private func takePlace(_ operation: String, on subject: String?) async throws {
        guard !core.isRefusingWork else { throw core.stoppedError(operation, on: subject) }
        try Task.checkCancellation()
        guard placesTaken >= Self.maximumInFlight else {
            placesTaken += 1
            return
        }
        let number = nextNumber
        nextNumber += 1
        let waiter = Waiter()
        waiting[number] = waiter
        await core.wait(for: waiter)
        waiting[number] = nil
        switch waiter.end {
        case .fired where core.isRefusingWork:
            givePlaceBack()
            throw core.stoppedError(operation, on: subject)
        case .fired where Task.isCancelled:
            givePlaceBack()
            throw CancellationError()
        case .fired, .pending: return
        case .cancelled: throw CancellationError()
        case .loopStopped: throw core.stoppedError(operation, on: subject)
        }
    }

    /// Gives a place to who waits longest, or back.
    private func givePlaceBack() {
        while firstNumber < nextNumber {
            defer { firstNumber += 1 }
            if let next = waiting.removeValue(forKey: firstNumber), next.finish(.fired, on: core) {
                return
            }
        }
        placesTaken -= 1
    }

    // MARK: The loop's end

    /// Whoever waits for work holds up a stop, not the work.
    var isIdle: Bool { true }

    func beginDrain() {}

    func cancelRemaining() {}

    func loopEnded() {
        for waiter in waiting.values { waiter.finish(.loopStopped, on: core) }
        for work in Array(inFlight.values) { work.cancel() }
    }
}
