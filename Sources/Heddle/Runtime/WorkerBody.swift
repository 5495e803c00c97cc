internal import Synchronization

/// A worker's body as a member of its loop: a task that a stop cancels and waits for. Used on the
/// loop's thread.
// Sendable: references cross into the task, which runs on the loop's thread; `taskIdentity` is atomic.
final class WorkerBody: LoopMember, @unchecked Sendable {
    /// When a stop cancels the body.
    enum Cancellation {
        /// At its beginning, as a background worker's.
        case atOnce
        /// When the grace has passed, as connections.
        case afterGrace
    }

    let core: LoopCore
    private let ended: @Sendable () -> Void
    private var cancellation = Cancellation.atOnce
    private var task: Task<Void, Never>?
    /// Which task the body runs in, as a number to compare; 0 while it does not.
    private let taskIdentity = Atomic<UInt>(0)
    private(set) var isIdle = true
    /// Whether the body itself waits for the worker's end, which so must not wait for it.
    private(set) var isWaitingForEnd = false
    /// What the body threw.
    private(set) var failure: (any Error)?

    init(core: LoopCore, ended: @escaping @Sendable () -> Void) {
        self.core = core
        self.ended = ended
    }

    /// Starts `body`, which the task alone holds: what it refers to goes with its end.
    func start(
        _ body: @escaping Worker.Body, on loop: EventLoop, cancelled cancellation: Cancellation
    ) {
        self.cancellation = cancellation
        isIdle = false
        core.addMember(self)
        task = Task(executorPreference: core) {
            self.taskIdentity.store(LoopCore.currentTaskIdentity, ordering: .relaxed)
            do {
                try await body(loop)
                self.finish(nil)
            } catch {
                self.finish(error)
            }
        }
    }

    /// Whether the calling code is the body's. Safe to call from any thread.
    var isCallersTask: Bool {
        let identity = LoopCore.currentTaskIdentity
        return identity != 0 && identity == taskIdentity.load(ordering: .relaxed)
    }

    /// The body will do nothing until the worker has ended.
    func waitForEndBegan() {
        guard !isIdle else { return }
        isWaitingForEnd = true
        isIdle = true
        core.memberBecameIdle()
    }

    /// The first error counts; being cancelled by the stop is no failure.
    private func finish(_ error: (any Error)?) {
        taskIdentity.store(0, ordering: .relaxed)
        // A body that ends after its loop did has nobody left to tell.
        guard core.isCurrent, !core.uv.isClosed else { return }
        if !(error is CancellationError) { failure = error }
        isIdle = true
        task = nil
        core.removeMember(self)
        ended()
    }

    func beginDrain() {
        if cancellation == .atOnce { task?.cancel() }
    }

    func cancelRemaining() {
        // One that waits for the end has its own say afterwards.
        if !isWaitingForEnd { task?.cancel() }
    }

    func loopEnded() {}
}
