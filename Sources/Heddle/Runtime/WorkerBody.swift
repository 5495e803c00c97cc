/// A worker's body as a member of its loop: a task that a stop cancels and waits for. Used on the
/// loop's thread.
// Sendable: references cross into the task, which runs on the loop's thread.
final class WorkerBody: LoopMember, @unchecked Sendable {
    let core: LoopCore
    private let body: Worker.Body?
    private let ended: @Sendable () -> Void
    private var task: Task<Void, Never>?
    private(set) var isIdle = true
    /// What the body threw.
    private(set) var failure: (any Error)?

    init(core: LoopCore, body: Worker.Body?, ended: @escaping @Sendable () -> Void) {
        self.core = core
        self.body = body
        self.ended = ended
    }

    func start(on loop: EventLoop) {
        guard let body else { return }
        isIdle = false
        core.addMember(self)
        task = Task(executorPreference: core) {
            do {
                try await body(loop)
                self.finish(nil)
            } catch {
                self.finish(error)
            }
        }
    }

    /// The first error counts; being cancelled by the stop is no failure.
    private func finish(_ error: (any Error)?) {
        // A body that ends after its loop did has nobody left to tell.
        guard core.isCurrent, !core.uv.isClosed else { return }
        if !(error is CancellationError) { failure = error }
        isIdle = true
        task = nil
        core.removeMember(self)
        ended()
    }

    func beginDrain() {
        task?.cancel()
    }

    func cancelRemaining() {
        task?.cancel()
    }

    func loopEnded() {}
}
