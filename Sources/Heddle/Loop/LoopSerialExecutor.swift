/// The serial executor of a loop: what isolates `EventLoop` and users' actors to its thread. Owned by
/// the `EventLoop`.
///
/// Not the same object as the task executor: a job must be run in the role it was enqueued in, and an
/// object with both roles could not tell.
// Unsafe: the event loop, which every actor on it refers to, holds its executor.
final class LoopSerialExecutor: SerialExecutor {
    let core: LoopCore

    init(core: LoopCore) {
        self.core = core
    }

    func enqueue(_ job: consuming ExecutorJob) {
        core.accept(.serialJob(UnownedJob(job)))
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    func checkIsolated() {
        precondition(core.isCurrent, "this code must run on the event loop '\(core.name)'")
    }

    func isIsolatingCurrentContext() -> Bool? {
        core.isCurrent
    }
}
