internal import Synchronization

/// A set of event loops, each on a thread of its own, with one lifetime: the scope everything else
/// lives in.
///
/// ```swift
/// try await Runtime.run { runtime in
///     try await runtime.serve("127.0.0.1:7000") { connection in
///         for try await bytes in connection.inbound { try await connection.write(bytes) }
///     }
/// }
/// ```
///
/// Everything here may be used from any thread. Runtimes of one process share what the process has once, and
/// nothing else: the signal SIGPIPE, which the first of them has ignored unless the program handles it (signal(7)),
/// the signals that they watch, and libuv's worker pool, on which all work with files is done: four threads, unless
/// the environment's `UV_THREADPOOL_SIZE` says otherwise, and at most 32 pieces of work of each loop at a time.
public final class Runtime: Sendable {
    /// How many loops, and how they are run.
    public struct Options: Sendable {
        /// Event loops, from 1 to 1,024; nil for as many as the process may use CPUs, by its affinity
        /// and its cgroup's quota.
        public var threads: Int?
        /// The loops are named after it: `heddle-0`, `heddle-1`, …
        public var name = "heddle"
        /// Pins each loop's thread to a CPU of its own, in turn.
        public var pinThreads = false
        /// How long a stop lets connections drain, unless told otherwise.
        public var drainTimeout: Duration = .seconds(10)
        /// Threads for ``Runtime/blocking(whenFull:_:)`` at most, from 1 to 1,024. They are started as needed,
        /// and mostly wait for something else than the CPU: hence more than most machines have.
        public var blockingThreads = 16
        /// How many blocking calls may wait for a thread, from 0 to 1,000,000, before those refuse that do
        /// not want to wait.
        public var blockingQueueLimit = 1024

        /// Options with a number of loops, and else the defaults.
        public init(threads: Int? = nil) {
            self.threads = threads
        }
    }

    private let workers: [Worker]
    private let options: Options
    let blockingPool: BlockingPool
    private let nextIndex = Atomic<Int>(0)
    /// The loops, in the order of their threads.
    public let loops: [EventLoop]

    /// Starts the workers; the first one, if it is `hosted`, is left for the calling thread to run.
    private init(options: Options, hosting host: inout HostedWorker?, hosted: Bool) throws {
        let count = options.threads ?? AvailableCPUs.count
        guard (1...1024).contains(count) else {
            throw IOError(
                .invalidArgument, "start runtime", on: options.name,
                reason: "\(count) threads is not between 1 and 1024")
        }
        try Worker.check(options.drainTimeout, "start runtime", options.name)
        blockingPool = try BlockingPool(options)
        let cpus = options.pinThreads ? LinuxCalls.affinity() : []
        let turns = RetryTurns()
        let workers = (0..<count).map { index in
            Worker(
                name: "\(options.name)-\(index)",
                cpu: cpus.isEmpty ? nil : cpus[index % cpus.count], retryTurns: turns)
        }
        do {
            for worker in workers.dropFirst(hosted ? 1 : 0) { try worker.start() }
            if hosted { host = try HostedWorker(workers[0].control) }
            loops = try workers.map { try $0.loop }
        } catch {
            for worker in workers {
                worker.requestStop(within: .zero)
                try? worker.control.waitBlocking(timeout: nil)
            }
            throw error
        }
        self.workers = workers
        self.options = options
        blockingPool.join(loops)
    }

    deinit {
        // Nobody can stop it any more: let it end.
        for worker in workers { worker.requestStop(within: options.drainTimeout) }
    }

    /// Starts a runtime for a program that owns its main thread. Stop it with ``stop(within:)``,
    /// ``requestStop(within:)`` or ``stopAndWait(within:timeout:)``; dropping it stops it too.
    ///
    /// Blocks for as long as threads take to start, some tens of microseconds each.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` for options out of bounds,
    ///   ``IOError/Code/resourcesExhausted`` when threads or descriptors run out; nothing is left then.
    public static func start(_ options: Options = Options()) throws -> Runtime {
        var host: HostedWorker?
        return try Runtime(options: options, hosting: &host, hosted: false)
    }

    /// Runs `body` with a runtime that lives as long as it does: this returns when the body is done or
    /// failed, after every connection, handle and thread is closed.
    ///
    /// When the body returns, connections may drain for ``Options/drainTimeout``; when it throws, they are
    /// cancelled at once.
    ///
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws, else what a worker failed with; what ``start(_:)`` throws.
    public static func run<T>(
        _ options: Options = Options(), _ body: (Runtime) async throws -> T
    ) async throws -> T {
        let runtime = try start(options)
        let result: T
        do {
            result = try await body(runtime)
        } catch {
            // The body's error is the one to tell; the stop's own can only follow from it.
            try? await runtime.stop(within: .zero)
            throw error
        }
        try await runtime.stop(within: options.drainTimeout)
        return result
    }

    /// Runs `body` with a runtime whose first loop is the calling thread, mostly a program's main thread;
    /// otherwise as ``run(_:_:)``. The body runs on that loop.
    ///
    /// A program with one loop then has one thread, which spares each system call what the C library does
    /// in processes with several. The thread keeps its name, and is pinned, by ``Options/pinThreads``, for
    /// the length of this call only.
    ///
    /// A stop that comes before the body's end waits for it as for a connection: the body is cancelled
    /// when the grace has passed, and left half a second later. A body that awaits ``stop(within:)``
    /// itself is not waited for, and goes on after the end, on Swift's global pool; then this waits for it.
    ///
    /// - Returns: what `body` returns, when everything is closed.
    /// - Throws: as ``run(_:_:)``; ``IOError/Code/wrongThread`` on the thread of a loop;
    ///   ``IOError/Code/timedOut`` if a stop had to leave the body behind.
    @available(*, noasync, message: "await run(_:_:) instead")
    public static func runBlocking<T: Sendable>(
        _ options: Options = Options(), _ body: @escaping @Sendable (Runtime) async throws -> T
    ) throws -> T {
        guard EventLoop.current == nil else {
            throw IOError(
                .wrongThread, "run runtime", on: options.name,
                reason: "the calling thread runs an event loop already")
        }
        var host: HostedWorker?
        let runtime = try Runtime(options: options, hosting: &host, hosted: true)
        let result = ResultSlot<T>()
        let goesOnAfterEnd = host!.run(on: runtime.loops[0]) { _ in
            do {
                result.set(.success(try await body(runtime)))
                runtime.requestStop()
            } catch {
                result.set(.failure(error))
                runtime.requestStop(within: .zero)
            }
        }
        let ending = Result { try runtime.waitUntilStopped() }
        // One that waited for the end by way of another task has heard of it by now.
        let limit = UVLoop.hrtimeNanoseconds + lateResultNanoseconds
        guard let outcome = result.wait(untilNanoseconds: goesOnAfterEnd ? nil : limit) else {
            throw IOError(
                .timedOut, "run runtime", on: options.name,
                reason: "the body did not end when the runtime was stopped")
        }
        let value = try outcome.get()
        try ending.get()
        return value
    }

    /// How long a body that the stop had to leave may still bring its result.
    private static let lateResultNanoseconds: UInt64 = 500_000_000

    /// The loops in turn, for spreading work.
    public var nextLoop: EventLoop {
        let index = nextIndex.wrappingAdd(1, ordering: .relaxed).oldValue
        return loops[Int(bitPattern: UInt(bitPattern: index) % UInt(loops.count))]
    }
}

extension Runtime {
    /// Asks the runtime to stop and returns at once. Any number of times; the grace that ends first
    /// counts.
    public func requestStop(within grace: Duration? = nil) {
        for worker in workers { worker.requestStop(within: grace ?? options.drainTimeout) }
    }

    /// Stops the runtime: servers stop listening, connections drain for `grace`, what is left is
    /// cancelled, then closed. Returns when all loops and threads have ended, and does not end early
    /// when the task is cancelled.
    ///
    /// - Throws: what the first failing worker failed with, to every caller;
    ///   ``IOError/Code/timedOut`` if blocking work had to be left running;
    ///   ``IOError/Code/invalidArgument`` for a negative grace.
    public func stop(within grace: Duration? = nil) async throws {
        let grace = grace ?? options.drainTimeout
        try Worker.check(grace, "stop runtime", options.name)
        requestStop(within: grace)
        try await forEachWorker { try await $0.control.waitForEnd() }
        try blockingPool.waitForEnd()
    }

    /// Waits for the end, without asking for it.
    ///
    /// - Throws: as ``stop(within:)``; `CancellationError` if the waiting task is cancelled.
    public func wait() async throws {
        try await forEachWorker { try await $0.wait() }
        try blockingPool.waitForEnd()
    }

    /// Stops the runtime and blocks the calling thread until its end.
    ///
    /// - Throws: as ``stop(within:)``; ``IOError/Code/wrongThread`` on a thread of the runtime, where it
    ///   would wait for itself; ``IOError/Code/timedOut`` if the end does not come in time.
    @available(*, noasync, message: "await stop(within:) instead")
    public func stopAndWait(within grace: Duration? = nil, timeout: Duration? = nil) throws {
        let grace = grace ?? options.drainTimeout
        try Worker.check(grace, "stop runtime", options.name)
        for worker in workers { try worker.control.refuseOnOwnThread("stop runtime") }
        try blockingPool.refuseOnOwnThread("stop runtime")
        requestStop(within: grace)
        try waitUntilStopped(timeout: timeout)
    }

    /// Blocks the calling thread until the runtime has ended, without asking for it.
    ///
    /// - Throws: as ``stopAndWait(within:timeout:)``.
    @available(*, noasync, message: "await wait() instead")
    public func waitUntilStopped(timeout: Duration? = nil) throws {
        for worker in workers { try worker.control.refuseOnOwnThread("wait for runtime") }
        try blockingPool.refuseOnOwnThread("wait for runtime")
        let start = LoopClock.Instant(nanoseconds: UVLoop.hrtimeNanoseconds)
        var firstError: (any Error)?
        for worker in workers {
            let now = LoopClock.Instant(nanoseconds: UVLoop.hrtimeNanoseconds)
            let left = timeout.map { $0 - start.duration(to: now) }
            do { try worker.control.waitBlocking(timeout: left) } catch {
                firstError = firstError ?? error
            }
        }
        if let firstError { throw firstError }
        try blockingPool.waitForEnd()
    }

    /// Goes through all workers, whichever fail, and then throws the first error.
    private func forEachWorker(_ body: (Worker) async throws -> Void) async throws {
        var firstError: (any Error)?
        for worker in workers {
            do { try await body(worker) } catch { firstError = firstError ?? error }
        }
        if let firstError { throw firstError }
    }
}
