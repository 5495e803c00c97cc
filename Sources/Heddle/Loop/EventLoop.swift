/// An event loop: one thread with a private libuv loop, as an actor whose executor is that thread.
///
/// A loop is made by a ``Worker`` or a ``Runtime``, which also end it. Code runs on it in three ways: a
/// task started by ``task(name:priority:_:)``, the handlers that servers call, and whatever is isolated
/// to the loop: its own `isolated` parameters, or an actor of yours whose `unownedExecutor` is the
/// loop's. Such code runs one piece at a time and shares state without locks.
///
/// Everything here may be used from any thread, and after the loop's end: jobs that come late still
/// run (on Swift's global pool), and input or output they try throws ``IOError/Code/loopStopped``.
public actor EventLoop {
    nonisolated let core: LoopCore
    private nonisolated let executor: LoopSerialExecutor

    init(core: LoopCore) {
        self.core = core
        executor = LoopSerialExecutor(core: core)
        // This actor holds the executor, and whatever is isolated to it refers to the actor.
        unsafe core.serialExecutor = executor
    }

    /// The executor of the loop's thread, for actors that want to live there:
    ///
    /// ```swift
    /// actor Room {
    ///     private let loop: EventLoop
    ///     nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }
    ///     init(on loop: EventLoop) { self.loop = loop }
    /// }
    /// ```
    ///
    /// Such an actor must keep a reference to the loop.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe executor.asUnownedSerialExecutor()
    }

    /// The loop as an executor preference, for `Task(executorPreference:)` and
    /// `withTaskExecutorPreference`.
    public nonisolated var taskExecutor: any TaskExecutor { core }

    /// The loop's name, which is also its thread's (of which the system shows 15 bytes).
    public nonisolated var name: String { core.name }

    /// Whether the calling code is on this loop's thread: two loads and a comparison.
    public nonisolated var isCurrent: Bool { core.isCurrent }

    /// The time of this loop iteration, without asking the system: up to one iteration old. Off the
    /// loop's thread, the time now.
    public nonisolated var now: LoopClock.Instant {
        guard core.isCurrent, !core.uv.isClosed else { return clock.now }
        return LoopClock.Instant(nanoseconds: core.uv.nowMilliseconds * 1_000_000)
    }

    /// The loop's clock: sleeping on it never leaves the loop's thread.
    public nonisolated var clock: LoopClock { LoopClock(loop: self) }

    /// The loop that the current task prefers, if the code is on its thread now.
    public static var current: EventLoop? {
        // The executor is only asked for its type while the task that prefers it runs.
        let executor = unsafe withUnsafeCurrentTask { task -> (any TaskExecutor)? in
            unsafe task?.unownedTaskExecutor?.asTaskExecutor()
        }
        guard let core = executor as? LoopCore, core.isCurrent else { return nil }
        return core.eventLoop
    }
}

extension EventLoop: CustomStringConvertible {
    /// `EventLoop(` and its name `)`.
    public nonisolated var description: String { "EventLoop(\(name))" }
}
