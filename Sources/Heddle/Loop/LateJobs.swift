/// Jobs that reach a loop after its end: they still run, one after the other, on Swift's global pool,
/// so that no task hangs. Owned by the loop they came for.
// Sendable: `items` and `isDraining` are guarded by `lock`.
final class LateJobs: @unchecked Sendable {
    private let lock = Lock()
    private var items = Ring<ReadyItem>()
    /// True from the start: until the loop has ended, its own thread is the one that runs jobs.
    private var isDraining = true

    /// On the loop's thread, as its last act on the loop: from now on late jobs run, first those that
    /// the loop leaves, since they came earlier.
    func open(with left: [ReadyItem], for core: LoopCore) {
        let starts = lock.withLock {
            var all = Ring<ReadyItem>(capacity: left.count + items.count)
            for item in left { all.append(item) }
            while let item = items.popFirst() { all.append(item) }
            items = all
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
        Task.detached { @Sendable in await self.drain(for: core) }
    }

    /// Jobs may make jobs for ever, and the pool has a thread for each CPU: between turns others have this one.
    private func drain(for core: LoopCore) async {
        while takeTurn(for: core) { await Task.yield() }
    }

    /// Runs as many items as the loop would in one turn; whether there are more.
    private func takeTurn(for core: LoopCore) -> Bool {
        core.becomeCurrent()
        var budget = LoopCore.jobsPerDrain
        while budget > 0, let item = lock.withLock({ items.popFirst() }) {
            core.run(item)
            budget -= 1
        }
        // Leave before another thread may start a drain of its own.
        core.leaveCurrent()
        return lock.withLock {
            isDraining = !items.isEmpty
            return isDraining
        }
    }
}
