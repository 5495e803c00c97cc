internal import Synchronization

/// The inside of an event loop: its libuv loop, its queues, and the task executor that runs handlers on
/// its thread. Made, run and ended by one worker's thread; shared by everything that refers to the loop.
///
/// Unless a method says otherwise it is for the loop's thread alone.
// Sendable: `owner`, `inbox` and `lateJobs` are safe anywhere, `actor` has a lock; the rest is used where
// `isCurrent`.
// Exclusivity: `isSpinning` is read and set by single statements.
@safe final class LoopCore: UVTickClient, TaskExecutor, @unchecked Sendable {
    /// Jobs one drain runs before input and output have their turn again.
    static let jobsPerDrain = 512
    /// Items of other threads one drain takes: half of what it runs, so that what the loop itself made
    /// ready comes forward however fast they post.
    static let mailPerDrain = jobsPerDrain / 2

    let name: String
    let uv: UVLoop
    let inbox = Inbox()
    let lateJobs = LateJobs()
    let pool = BufferPool()
    let stage = Stage()
    let queues = TurnQueues()
    /// Shared with the other loops of the runtime.
    let retryTurns: RetryTurns
    /// Users' values of which this loop has an instance.
    let locals = LoopLocals()
    var timers = TimerHeap()
    var resolver = NameResolver()
    let gate: Gate

    /// What takes part in a stop of this loop: servers, the worker's body.
    var members: [ObjectIdentifier: any LoopMember] = [:]
    /// Members that stay as long as the loop does.
    var residents: [any LoopMember] = []
    /// Woken when a member has become idle.
    var drainWaiter: Waiter?

    /// Told of the phases of a stop, where somebody asked for that.
    var stopObserver: (@Sendable (StopPhase) -> Void)?

    /// When a drain under way gives up, in nanoseconds of the monotonic clock.
    var drainDeadline: UInt64 = .max

    /// Set when the grace of a stop is over, and what is left has been cancelled.
    var isPastDraining = false

    /// Set when a stop has come to closing by force: operations fail with `.loopStopped` from then on.
    var isRefusingWork = false
    /// Whether the members have been told of the loop's end.
    var haveMembersEnded = false

    /// Handles and files dropped on other threads, waiting to be closed by the loop.
    let dropped = DropStack()

    /// What this loop has in libuv's worker pool.
    private(set) lazy var poolShare = PoolShare(core: self)

    /// Connections that are open, or have been given to this loop and will be.
    private let connectionCount = Atomic<Int>(0)

    /// The actor over this core, which refers back to it: let go when the loop has ended. Changed on the
    /// loop's thread, with the lock, so that thread reads it without.
    private var actor: EventLoop?
    private let actorLock = Lock()

    // Set once by the event loop, which owns it and which every actor on this loop refers to.
    unowned(unsafe) var serialExecutor: LoopSerialExecutor!

    /// Whether the poll returns at once because work is left.
    @safe @exclusivity(unchecked) var isSpinning = false
    private(set) var tick: UVTick?
    private(set) var alarm: UVTimer?
    /// The thread that may touch the loop: its own, or the one that runs late jobs after the end.
    private let owner = Atomic<UInt>(ThreadIdentity.none)

    /// Makes a loop for the calling thread, which alone may run it.
    ///
    /// - Throws: `IOError` if the system has no descriptors or memory left for it.
    init(name: String, retryTurns: RetryTurns = RetryTurns()) throws {
        self.name = name
        self.retryTurns = retryTurns
        gate = Gate(GateExecutor(turn: queues))
        do {
            uv = try UVLoop()
        } catch {
            queues.destroy()
            pool.destroy()
            stage.destroy()
            throw IOError(.resourcesExhausted, "create event loop", on: name, error)
        }
        super.init()
        becomeCurrent()
        do {
            try register()
        } catch {
            uv.openHandles().forEach { $0.close() }
            uv.run()
            try? uv.close()
            throw IOError(.resourcesExhausted, "create event loop", on: name, error)
        }
    }

    deinit {
        queues.destroy()
        pool.destroy()
        stage.destroy()
    }

    private func register() throws(UVError) {
        inbox.bell.install(try UVAsync(loop: uv) {})
        alarm = try UVTimer(loop: uv) { [unowned self] in expireTimers() }
        tick = try UVTick(loop: uv, client: self)
    }

    @inline(__always)
    var unownedTaskExecutor: UnownedTaskExecutor {
        // A core is alive while it runs a job: its thread, or the drain of late jobs, holds it.
        unsafe asUnownedTaskExecutor()
    }

    // MARK: Whose thread

    /// Whether the caller is on the loop's thread. Safe to call from any thread.
    @inline(__always)
    var isCurrent: Bool {
        owner.load(ordering: .relaxed) == ThreadIdentity.current
    }

    /// The loop's thread while it runs, as a number to compare. Safe to call from any thread.
    var ownerIdentity: UInt { owner.load(ordering: .relaxed) }

    func becomeCurrent() {
        owner.store(ThreadIdentity.current, ordering: .releasing)
    }

    func leaveCurrent() {
        owner.store(ThreadIdentity.none, ordering: .releasing)
    }

    /// The actor over this core; nil once the loop has ended. Safe to call from any thread.
    var eventLoop: EventLoop? {
        isCurrent ? actor : actorLock.withLock { actor }
    }

    /// Sets the actor, or lets it go.
    func setEventLoop(_ loop: EventLoop?) {
        // The old one must not end inside the lock.
        let old = actorLock.withLock {
            defer { actor = loop }
            return actor
        }
        withExtendedLifetime(old) {}
    }

    // MARK: Taking jobs

    /// The task executor's door. Safe to call from any thread.
    func enqueue(_ job: consuming ExecutorJob) {
        accept(.taskJob(UnownedJob(job)))
    }

    /// Takes an item on any thread, at any time; it runs on the loop, or after the loop's end on the
    /// global pool.
    func accept(_ item: ReadyItem) {
        if isCurrent, !uv.isClosed {
            queues.append(item)
        } else if !inbox.post(item) {
            lateJobs.add(item, for: self)
        }
    }

    /// Runs `body` on the loop's thread, soon. Safe to call from any thread, at any time.
    func post(_ body: consuming @escaping @Sendable () -> Void) {
        accept(ReadyItem(work: body))
    }

    /// The same for work that has no sense once the loop has ended: then it is let go. Safe to call from
    /// any thread, at any time.
    func postUnlessEnded(_ body: consuming @escaping @Sendable () -> Void) {
        let item = ReadyItem(work: body)
        if isCurrent, !uv.isClosed {
            queues.append(item)
        } else if !inbox.post(item) {
            item.dropWork()
        }
    }

    /// Connections that this loop has or will have. Safe to call from any thread; read by the loop that places
    /// new ones, which is also the one that counts them.
    var openConnections: Int { connectionCount.load(ordering: .acquiring) }

    /// Counts a connection. Safe to call from any thread.
    func connectionBegins() {
        connectionCount.wrappingAdd(1, ordering: .relaxed)
    }

    func connectionEnded() {
        connectionCount.wrappingSubtract(1, ordering: .acquiringAndReleasing)
    }

    /// One turn around the poll.
    override func turn() {
        takeTurn()
    }

    /// Closes the machinery, last of all handles.
    func closeMachinery() {
        tick?.close()
        alarm?.close()
        tick = nil
        alarm = nil
    }
}
