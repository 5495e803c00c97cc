/// Jobs that reach a loop after its end: they still run, one after the other, on Swift's global pool,
/// so that no task hangs. Owned by the loop they came for.
// Sendable: `items` and `isDraining` are guarded by `lock`.
final class LateJobs: @unchecked Sendable {
    private let lock = Lock()
    private var items: [ReadyItem] = []
    /// True from the start: until the loop has ended, its own thread is the one that runs jobs.
    private var isDraining = true

    /// On the loop's thread, as its last act on the loop: from now on late jobs run, first those that
    /// the loop leaves, since they came earlier.
    func open(with left: [ReadyItem], for core: LoopCore) {
        let starts = lock.withLock {
            items = left + items
            isDraining = !items.isEmpty
            return isDraining
        }
        if starts { startDraining(for: core) }
    }

    /// Adds an item, which runs once the loop has ended. Safe to call from any thread.
    func add(_ item: ReadyItem, for core: LoopCore) {
        let starts = lock.withLock {
            items.append(item)
            defer { isDraining = true }
            return !isDraining
        }
        if starts { startDraining(for: core) }
    }

    private func startDraining(for core: LoopCore) {
        // A task of its own, on the global pool: the loop's thread is gone.
        Task.detached { @Sendable in self.drain(for: core) }
    }

    private func drain(for core: LoopCore) {
        core.becomeCurrent()
        var isMore = true
        while isMore {
            let batch = lock.withLock {
                defer { items.removeAll() }
                return items
            }
            for item in batch { core.run(item) }
            if batch.isEmpty {
                // Leave before another thread may start a drain of its own.
                core.leaveCurrent()
                isMore = lock.withLock {
                    isDraining = !items.isEmpty
                    return isDraining
                }
                if isMore { core.becomeCurrent() }
            }
        }
    }
}
