/// One thread with its event loop, and what runs on it, with one life: started once, stopped once.
///
/// Given a body, the worker runs it as a task on its loop, and ends when that returns or throws. Without
/// one it runs until it is stopped. What the body throws is kept, and rethrown to everybody who waits
/// for the end, however late.
///
/// ```swift
/// let worker = Worker(name: "poller") { loop in
///     for await _ in loop.ticks(every: .seconds(1)) { try await poll() }
/// }
/// try worker.start()
/// try await worker.stop(within: .seconds(10))
/// ```
///
/// Everything here may be used from any thread. A worker that is dropped while it runs keeps running
/// until its body ends or its loop's last user goes; stop it instead.
public final class Worker: Sendable {
    /// What a worker runs, as a task on its loop; the loop is passed to it.
    public typealias Body = @Sendable (EventLoop) async throws -> Void

    /// How long a stop waits for connections and the body, unless told otherwise.
    public static let defaultGrace: Duration = .seconds(10)

    /// The worker's name: its loop's and its thread's.
    public let name: String
    let control: WorkerControl

    /// - Parameters:
    ///   - name: shown in errors and, the first 15 bytes, as the thread's name.
    ///   - cpu: the CPU to pin the thread to; nil lets the system choose.
    ///   - body: what to run; nil for a loop that only serves others.
    public convenience init(name: String, cpu: Int? = nil, body: Body? = nil) {
        self.init(name: name, cpu: cpu, retryTurns: RetryTurns(), body: body)
    }

    /// One of several workers, which try again in turn what the system has no resources for.
    init(name: String, cpu: Int?, retryTurns: RetryTurns, body: Body? = nil) {
        self.name = name
        control = WorkerControl(name: name, cpu: cpu, retryTurns: retryTurns, body: body)
    }

    /// Starts the thread and its loop; returns when the loop is there. Again does nothing.
    ///
    /// Blocks for as long as a thread takes to start, some tens of microseconds.
    ///
    /// - Throws: ``IOError/Code/resourcesExhausted`` if the system has no thread or descriptors left;
    ///   ``IOError/Code/loopStopped`` if the worker was stopped before.
    public func start() throws {
        try control.start()
    }

    /// The worker's loop, from its start on.
    ///
    /// - Throws: ``IOError/Code/closed`` before the start.
    public var loop: EventLoop {
        get throws {
            guard let loop = control.loop else {
                throw IOError(
                    .closed, "use the loop of worker", on: name, reason: "it was not started")
            }
            return loop
        }
    }

    /// Asks the worker to stop and returns at once. May be called any number of times, at any time; of
    /// several grace periods the one that ends first counts.
    ///
    /// - Parameter grace: how long connections may drain; the body is cancelled at once.
    public func requestStop(within grace: Duration = defaultGrace) {
        control.requestStop(within: grace)
    }

    /// Stops the worker and waits for its end, which comes within `grace` and about half a second for
    /// what was cancelled. Does not end early when the task is cancelled. Where the body itself awaits this,
    /// the end does not wait for the body, which goes on after it, on Swift's global pool.
    ///
    /// - Throws: what the body threw, to every caller; ``IOError/Code/invalidArgument`` for a negative grace.
    public func stop(within grace: Duration = defaultGrace) async throws {
        try Self.check(grace, "stop worker", name)
        control.requestStop(within: grace)
        try await control.waitForEnd()
    }

    /// Waits for the end, without asking for it.
    ///
    /// - Throws: what the body threw; `CancellationError` if the waiting task is cancelled.
    public func wait() async throws {
        try await control.waitForEndUnlessCancelled()
    }

    /// Stops the worker and blocks the calling thread until its end.
    ///
    /// - Throws: what the body threw; ``IOError/Code/wrongThread`` on the worker's own thread, where it
    ///   would wait for itself; ``IOError/Code/timedOut`` if the end does not come in time.
    @available(*, noasync, message: "await stop(within:) instead")
    public func stopAndWait(within grace: Duration = defaultGrace, timeout: Duration? = nil) throws
    {
        try Self.check(grace, "stop worker", name)
        try control.refuseOnOwnThread("stop worker")
        control.requestStop(within: grace)
        try control.waitBlocking(timeout: timeout)
    }

    /// Blocks the calling thread until the worker has ended, without asking for it.
    ///
    /// - Throws: as ``stopAndWait(within:timeout:)``.
    @available(*, noasync, message: "await wait() instead")
    public func waitUntilStopped(timeout: Duration? = nil) throws {
        try control.refuseOnOwnThread("wait for worker")
        try control.waitBlocking(timeout: timeout)
    }

    static func check(_ grace: Duration, _ operation: String, _ name: String) throws {
        guard grace >= .zero else {
            throw IOError(.invalidArgument, operation, on: name, reason: "a grace of \(grace.text)")
        }
    }
}
