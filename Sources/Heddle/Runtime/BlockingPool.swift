/// The threads that run a runtime's blocking work. Owned by the runtime, and by each of its threads while
/// that runs; may be used from any thread.
///
/// Its first call starts the first thread. It takes part in the stop of every loop: the loops drain until
/// nothing runs and nothing waits here, or until the grace has passed. When the last of them has drained, what
/// has not begun fails, and the threads end as they become free. One that still runs when the loops have ended
/// is left behind, since a thread cannot be stopped from outside.
// Sendable: `machine`, `threads`, `draining`, `loopsLeft` and `outcome` are guarded by `lock`.
final class BlockingPool: @unchecked Sendable {
    private struct PoolThread {
        let thread: LoopThread
        var identity = ThreadIdentity.none
        var isRunning = false
    }

    private let name: String
    private let lock = Lock()
    private var machine: BlockingMachine<BlockingWork>
    private var threads: [PoolThread] = []
    /// Loops that drain, and look again when the pool has become idle.
    private var draining: [LoopCore] = []
    /// Loops that have not drained yet.
    private var loopsLeft = 0
    private var outcome: Result<Void, any Error>?

    /// - Throws: ``IOError/Code/invalidArgument`` for numbers out of their bounds.
    init(_ options: Runtime.Options) throws {
        for (value, bounds, what) in [
            (options.blockingThreads, 1...1024, "threads for blocking work"),
            (options.blockingQueueLimit, 0...1_000_000, "blocking calls that wait"),
        ] where !bounds.contains(value) {
            throw IOError(
                .invalidArgument, "start runtime", on: options.name,
                reason:
                    "\(value) \(what) is not between \(bounds.lowerBound) and \(bounds.upperBound)")
        }
        name = options.name
        machine = BlockingMachine(
            maximumThreads: options.blockingThreads, queueLimit: options.blockingQueueLimit)
    }

    // MARK: Calls

    /// Has a thread run `work`, which is told of its end in every case.
    func submit(_ work: BlockingWork, whenFull: Runtime.WhenFull) {
        let now = UVLoop.hrtimeNanoseconds
        var failed: [BlockingWork] = []
        var failure: (any Error)?
        lock.withLock {
            if work.isCancelled {
                (failed, failure) = ([work], CancellationError())
                return
            }
            switch machine.submit(work, at: now, mayWait: whenFull == .wait) {
            case .queued(let ticket): work.ticket = ticket
            case .wakeThread(let ticket):
                work.ticket = ticket
                lock.signalOne()
            case .startThread(let ticket):
                work.ticket = ticket
                // With the lock held, so that a stop finds the thread, or the call refused.
                do { try startThread() } catch {
                    (failed, failure) = (machine.threadFailed(), error)
                }
            case .full: (failed, failure) = ([work], fullError)
            case .stopped: (failed, failure) = ([work], stoppedError)
            }
        }
        if let failure { for work in failed { work.fail(failure) } }
    }

    /// Ends the wait of work that has not begun. What runs goes on.
    func cancel(_ work: BlockingWork) {
        let (cancelled, isIdle) = lock.withLock {
            work.isCancelled = true
            return (work.ticket.flatMap { machine.cancel($0) }, machine.isIdle)
        }
        cancelled?.fail(CancellationError())
        if isIdle { tellDraining() }
    }

    var statistics: Runtime.BlockingStatistics {
        let now = UVLoop.hrtimeNanoseconds
        return lock.withLock {
            Runtime.BlockingStatistics(
                threads: machine.threads, queued: machine.queued, running: machine.running,
                completed: machine.completed,
                longestWait: .nanoseconds(Int64(clamping: machine.longestWait(at: now))))
        }
    }

    // MARK: Threads

    private func startThread() throws {
        let number = threads.count
        // Short, since the system shows 15 bytes.
        let thread = try LoopThread(name: "\(name)-block-\(number)") { self.runThread(number) }
        threads.append(PoolThread(thread: thread))
    }

    private func runThread(_ number: Int) {
        lock.withLock { threads[number].identity = ThreadIdentity.current }
        while let work = nextWork(of: number) {
            work.perform()
            let isIdle = lock.withLock {
                threads[number].isRunning = false
                machine.finished()
                return machine.isIdle
            }
            // First the caller, so that a loop that waits for the pool to be idle hears of that later.
            work.complete()
            if isIdle { tellDraining() }
        }
    }

    private func nextWork(of number: Int) -> BlockingWork? {
        lock.withLock {
            while true {
                switch machine.next(at: UVLoop.hrtimeNanoseconds) {
                case .run(let work):
                    threads[number].isRunning = true
                    return work
                case .wait: _ = lock.wait(untilNanoseconds: nil)
                case .exit:
                    threads[number].identity = ThreadIdentity.none
                    return nil
                }
            }
        }
    }

    // MARK: Stopping

    /// Joins the loops, before any of them can stop.
    func join(_ loops: [EventLoop]) {
        lock.withLock { loopsLeft = loops.count }
        for loop in loops {
            let core = loop.core
            core.post { core.addResident(BlockingShare(core: core, pool: self)) }
        }
    }

    var isIdle: Bool { lock.withLock { machine.isIdle } }

    /// A loop drains, and wants to hear when the pool has become idle.
    func drainBegan(on core: LoopCore) {
        lock.withLock { draining.append(core) }
    }

    /// A loop has drained; when all have, what has not begun fails.
    func loopHasDrained() {
        let (failed, isIdle) = lock.withLock {
            loopsLeft -= 1
            guard loopsLeft == 0 else { return ([BlockingWork](), false) }
            lock.signalAll()
            return (machine.close(), machine.isIdle)
        }
        for work in failed { work.fail(stoppedError) }
        if isIdle { tellDraining() }
    }

    /// A loop has ended, and hears nothing more.
    func loopEnded(_ core: LoopCore) {
        lock.withLock { draining.removeAll { $0 === core } }
    }

    private func tellDraining() {
        for core in lock.withLock({ draining }) {
            core.postUnlessEnded { core.memberBecameIdle() }
        }
    }

    /// Waits for the threads, when all loops have ended: only for those that are free, and so end.
    ///
    /// - Throws: ``IOError/Code/timedOut``, each time, if work was left running.
    func waitForEnd() throws {
        let (ending, outcome) = lock.withLock {
            let left = machine.running
            let outcome = self.outcome ?? (left == 0 ? .success(()) : .failure(leftError(left)))
            self.outcome = outcome
            return (threads.filter { !$0.isRunning }.map(\.thread), outcome)
        }
        for thread in ending { thread.join() }
        try outcome.get()
    }

    /// - Throws: ``IOError/Code/wrongThread`` on a thread of the pool.
    func refuseOnOwnThread(_ operation: String) throws {
        let current = ThreadIdentity.current
        guard lock.withLock({ threads.contains { $0.identity == current } }) else { return }
        throw IOError(
            .wrongThread, operation, on: name,
            reason: "blocking on a thread of its own blocking work would never end")
    }

    // MARK: Errors

    private var fullError: IOError {
        IOError(
            .limitExceeded, "run blocking work", on: name,
            reason: "\(machine.maximumThreads) threads are busy and \(machine.queued) calls wait")
    }

    private var stoppedError: IOError {
        IOError(.loopStopped, "run blocking work", on: name, reason: "the runtime has stopped")
    }

    private func leftError(_ count: Int) -> IOError {
        IOError(
            .timedOut, "stop blocking work", on: name,
            reason:
                "\(count) \(count == 1 ? "call" : "calls") did not end and had to be left running")
    }
}
