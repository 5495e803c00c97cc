/// How a loop runs what is ready: before and after each poll, a bounded number of items, then the
/// writes they corked.
extension LoopCore: UVTickClient {
    func beforePoll() { drain() }

    func afterPoll() { drain() }

    private func drain() {
        if inbox.mayHaveMail { takeMail() }
        var budget = Self.jobsPerDrain
        while budget > 0, let item = ready.popFirst() {
            run(item)
            budget -= 1
        }
        flushCorked()
        uv.releaseFinishedTurns()
        // With work left the poll must not block, and input and output have had their turn then.
        tick?.setSpinning(!ready.isEmpty)
    }

    /// Moves what other threads left into the ready queue.
    @inline(never)
    func takeMail() {
        inbox.take(into: &ready)
        for handle in dropped.takeAll() { handle.didLoseLastUser() }
    }

    @inline(__always)
    func run(_ item: ReadyItem) {
        switch item {
        case .taskJob(let job):
            unsafe job.runSynchronously(on: unownedTaskExecutor)
        case .handle(let reference):
            // Alive: a handle closed with its turn outstanding is kept for it.
            unsafe reference._withUnsafeGuaranteedRef { handle in
                handle.isAwaitingTurn = false
                handle.takeTurn()
            }
        case .serialJob(let job):
            runSerial(job)
        case .work(let work):
            unsafe work.takeRetainedValue().body()
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
        while case .handle(let reference)? = corked.popFirst() {
            // Alive: a handle closed while corked is kept until here.
            unsafe reference._withUnsafeGuaranteedRef { handle in
                handle.isCorked = false
                handle.flushCorked()
            }
        }
    }

    /// Gives `handle` a turn outside libuv's callbacks; asking again before it came does nothing.
    @inline(__always)
    func giveTurn(to handle: UVHandle) {
        guard !handle.isAwaitingTurn else { return }
        handle.isAwaitingTurn = true
        ready.append(unsafe .handle(Unmanaged.passUnretained(handle)))
    }

    /// Has `handle` flushed at the end of this tick; asking again before it was does nothing.
    @inline(__always)
    func cork(_ handle: UVHandle) {
        guard !handle.isCorked else { return }
        handle.isCorked = true
        corked.append(unsafe .handle(Unmanaged.passUnretained(handle)))
    }

    /// Asks the loop to close a handle nobody uses any more. Safe from any thread; takes no lock, so
    /// it suits a `deinit`.
    func drop(_ handle: UVHandle) {
        if isCurrent {
            handle.didLoseLastUser()
        } else if dropped.push(handle) {
            inbox.bell.ring()
        }
    }
}
