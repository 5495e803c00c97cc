/// What a runtime's pool for blocking work has on one loop: its part in the loop's stop. Used on the
/// loop's thread.
final class BlockingShare: LoopMember {
    private let core: LoopCore
    private let pool: BlockingPool
    private var hasDrained = false

    init(core: LoopCore, pool: BlockingPool) {
        self.core = core
        self.pool = pool
    }

    var isIdle: Bool { pool.isIdle }

    func beginDrain() {
        pool.drainBegan(on: core)
    }

    func cancelRemaining() {
        guard !hasDrained else { return }
        hasDrained = true
        pool.loopHasDrained()
    }

    func loopEnded() {
        cancelRemaining()
        pool.loopEnded(core)
    }
}
