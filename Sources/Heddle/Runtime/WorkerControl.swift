/// What makes a worker go: its thread, its lifecycle and the event of its end. Kept alive by the thread
/// while that runs.
// Sendable: everything that changes is guarded by `lock`.
final class WorkerControl: @unchecked Sendable {
    private let name: String
    private let cpu: Int?
    private let retryTurns: RetryTurns
    private let stopped = StoppedEvent()

    private let lock = Lock()
    private var lifecycle = WorkerLifecycle()
    /// Until it starts, or never will: it may refer to its own worker.
    private var body: Worker.Body?
    /// The body as a member of the loop, while that runs.
    private var main: WorkerBody?
    private var thread: LoopThread?
    private var eventLoop: EventLoop?
    private var startFailure: (any Error)?
    /// When a requested stop stops draining.
    private var deadline = UInt64.max

    init(name: String, cpu: Int?, retryTurns: RetryTurns, body: Worker.Body?) {
        self.name = name
        self.cpu = cpu
        self.retryTurns = retryTurns
        self.body = body
    }

    /// Whether its thread is kept on one CPU.
    var isPinned: Bool { cpu != nil }

    var loop: EventLoop? { lock.withLock { eventLoop } }

    var state: WorkerLifecycle.State { lock.withLock { lifecycle.state } }

    // MARK: Starting

    func start() throws {
        switch lock.withLock({ lifecycle.start() }) {
        case .alreadyStarted: break
        case .refuseStopped:
            if let failure = lock.withLock({ startFailure }) { throw failure }
            throw IOError(.loopStopped, "start worker", on: name, reason: "it was stopped before")
        case .launch: launch()
        }
        try lock.withLock {
            while lifecycle.state == .starting { _ = lock.wait(untilNanoseconds: nil) }
            if let startFailure { throw startFailure }
        }
    }

    private func launch() {
        ProcessSetup.prepare()
        do {
            let thread = try LoopThread(name: name) { self.runThread() }
            lock.withLock { self.thread = thread }
        } catch {
            failToStart(error)
        }
    }

    /// Makes the loop for the calling thread, which then must run it with `runPrepared`.
    func startHosted() throws -> WorkerBody {
        guard lock.withLock({ lifecycle.start() }) == .launch else {
            throw IOError(.busy, "start worker", on: name, reason: "it was started before")
        }
        ProcessSetup.prepare()
        if let main = prepare() { return main }
        throw lock.withLock { startFailure! }
    }

    private func failToStart(_ error: any Error) {
        takeBody()
        lock.withLock {
            startFailure = error
            lifecycle.ended()
            lock.signalAll()
        }
        stopped.publish(.failure(error))
    }

    /// Takes the body out; what it refers to is let go outside the lock.
    @discardableResult
    private func takeBody() -> Worker.Body? {
        lock.withLock {
            defer { body = nil }
            return body
        }
    }

    // MARK: The thread

    private func runThread() {
        if let main = prepare() { runPrepared(main) }
    }

    /// Makes the loop, for the calling thread, and starts the body as its first task.
    private func prepare() -> WorkerBody? {
        let core: LoopCore
        do {
            if let cpu { try pin(to: cpu) }
            core = try LoopCore(name: name, retryTurns: retryTurns)
        } catch {
            failToStart(error)
            return nil
        }
        let loop = EventLoop(core: core)
        core.setEventLoop(loop)
        let main = WorkerBody(core: core) { self.bodyEnded() }
        let next = lock.withLock {
            eventLoop = loop
            self.main = main
            defer { lock.signalAll() }
            return lifecycle.started()
        }
        if let body = takeBody() { main.start(body, on: loop, cancelled: .atOnce) }
        if next == .stopAtOnce { beginTeardown(of: core) }
        return main
    }

    /// Runs the loop until it has been stopped, closes it and publishes the end.
    func runPrepared(_ main: WorkerBody) {
        let core = main.core
        core.uv.run()
        var outcome = Result { try core.finish() }
        // Stored before the event is published, and read only after it.
        if let failure = main.failure { outcome = .failure(failure) }
        lock.withLock {
            self.main = nil
            lifecycle.ended()
        }
        stopped.publish(outcome)
    }

    private func pin(to cpu: Int) throws {
        guard LinuxCalls.affinity().contains(cpu) else {
            throw IOError(
                .invalidArgument, "pin worker \(name) to", on: "CPU \(cpu)",
                reason: "not a CPU this process may use")
        }
        do {
            try LinuxCalls.pinThread(to: cpu)
        } catch {
            throw IOError(nil, "pin worker \(name) to", on: "CPU \(cpu)", error)
        }
    }

    /// A body that is done ends its worker. One that ends because the worker stops must not shorten the
    /// grace that the stop was given.
    private func bodyEnded() {
        guard lock.withLock({ lifecycle.state }) == .running else { return }
        requestStop(within: Worker.defaultGrace)
    }

    /// On the loop's thread.
    private func beginTeardown(of core: LoopCore) {
        core.drainDeadline = lock.withLock { deadline }
        Task(executorPreference: core) { await core.drainAndLeave() }
    }

    // MARK: Stopping

    func requestStop(within grace: Duration) {
        let now = UVLoop.hrtimeNanoseconds
        let limit = now &+ UInt64(max(0, grace.clampedNanoseconds))
        let (decision, core) = lock.withLock {
            deadline = min(deadline, limit)
            return (lifecycle.stop(), eventLoop?.core)
        }
        switch decision {
        case .endNow:
            takeBody()
            stopped.publish(.success(()))
        case .beginTeardown: core?.post { self.beginTeardown(of: core!) }
        case .shortenTeardown: core?.postUnlessEnded { core!.shortenDrain(to: limit) }
        case .noted, .alreadyStopped: break
        }
    }

    // MARK: Waiting

    func waitForEnd() async throws {
        let main = lock.withLock { self.main }
        // The end would wait for the body, and the body for the end.
        if let main, main.isCallersTask { main.core.post { main.waitForEndBegan() } }
        let outcome = await stopped.wait()
        joinThread()
        try outcome.get()
    }

    func waitForEndUnlessCancelled() async throws {
        guard let outcome = await stopped.waitUnlessCancelled() else { throw CancellationError() }
        joinThread()
        try outcome.get()
    }

    func waitBlocking(timeout: Duration?) throws {
        let deadline = timeout.map {
            UVLoop.hrtimeNanoseconds &+ UInt64(max(0, $0.clampedNanoseconds))
        }
        guard let outcome = stopped.waitBlocking(untilNanoseconds: deadline) else {
            throw IOError(
                .timedOut, "wait for worker", on: name,
                reason: "it did not end within \(timeout?.text ?? "")")
        }
        joinThread()
        try outcome.get()
    }

    func refuseOnOwnThread(_ operation: String) throws {
        guard let core = loop?.core, core.isCurrent, stopped.outcome == nil else { return }
        throw IOError(
            .wrongThread, operation, on: name,
            reason: "blocking on the worker's own thread would never end")
    }

    /// The thread's last act was to publish its end: this is short.
    private func joinThread() {
        lock.withLock { thread }?.join()
    }
}
