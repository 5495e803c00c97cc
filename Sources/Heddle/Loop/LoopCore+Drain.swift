/// How a loop runs what is ready: before and after each poll, a bounded number of items, then the
/// writes they corked.
extension LoopCore {
    @inline(__always)
    func takeTurn() {
        if inbox.mayHaveMail { takeMail() }
        if queues.isIdle, !isSpinning { return }
        drain()
    }

    private func drain() {
        let queues = queues
        queues.beginTurn()
        var budget = Self.jobsPerDrain
        while budget > 0, let item = queues.popReady() {
            run(item)
            budget -= 1
        }
        flushCorked()
        uv.releaseFinishedTurns()
        // With work left the poll must not block, and input and output have had their turn then.
        let isWorkLeft = queues.hasReady || inbox.mayHaveMail
        if isWorkLeft != isSpinning {
            isSpinning = isWorkLeft
            tick?.setSpinning(isWorkLeft)
        }
    }

    /// Moves what other threads left into the ready queue.
    @inline(never)
    func takeMail() {
        inbox.take(Self.mailPerDrain, into: queues)
        for owned in dropped.takeAll() { owned.didLoseLastUser() }
        if locals.hasAbandoned { post { self.locals.destroyAbandoned() } }
    }

    @inline(__always)
    func run(_ item: ReadyItem) {
        switch item.kind {
        case .taskJob:
            unsafe item.job.runSynchronously(on: unownedTaskExecutor)
        case .handle:
            // Alive: a handle closed with its turn outstanding is kept for it.
            unsafe item.handle._withUnsafeGuaranteedRef { handle in
                handle.isAwaitingTurn = false
                handle.takeTurn()
            }
        case .serialJob:
            runSerial(item.job)
        case .timer:
            item.takeTimer().takeTurn()
        case .work:
            item.runWork()
        }
    }

    @inline(never)
    private func runSerial(_ job: UnownedJob) {
        // Read from the job's actor, whose executor this is; it is alive while its job runs.
        unsafe job.runSynchronously(
            isolatedTo: serialExecutor.asUnownedSerialExecutor(), taskExecutor: unownedTaskExecutor)
    }

    /// Sends what streams gathered during this tick.
    @inline(__always)
    private func flushCorked() {
        while let item = queues.popCorked() {
            // Alive: a handle closed while corked is kept until here.
            unsafe item.handle._withUnsafeGuaranteedRef { handle in
                handle.isCorked = false
                handle.flushCorked()
            }
        }
    }

    /// Asks the loop to close a handle or file nobody uses any more. Safe from any thread; takes no lock, so
    /// it suits a `deinit`.
    func drop(_ owned: LoopOwned) {
        if isCurrent {
            owned.didLoseLastUser()
        } else if dropped.push(owned) {
            inbox.announce()
        }
    }
}
