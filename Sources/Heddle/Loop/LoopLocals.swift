internal import Synchronization

/// The instances of loop-local values that one loop has. Owned by the loop; used on its thread, but for
/// `announceAbandoned`.
// Sendable: `hasAbandoned` is atomic; the rest is used on the loop's thread.
final class LoopLocals: @unchecked Sendable {
    /// In the order they were created.
    private var slots: [LoopLocalSlot] = []
    /// The loop ends: what is destroyed is not created anew.
    private(set) var hasEnded = false
    private let abandoned = Atomic<Bool>(false)

    var count: Int { slots.count }

    func add(_ slot: LoopLocalSlot) {
        slots.append(slot)
    }

    /// The value of one of the slots is not wanted any more. Safe to call from any thread; takes no lock.
    func announceAbandoned() {
        abandoned.store(true, ordering: .releasing)
    }

    var hasAbandoned: Bool {
        abandoned.load(ordering: .relaxed)
    }

    /// Destroys the instances whose value was dropped. Runs user code: called as a job.
    func destroyAbandoned() {
        guard abandoned.exchange(false, ordering: .acquiringAndReleasing) else { return }
        let dropped = slots.filter(\.isAbandoned)
        slots.removeAll(where: \.isAbandoned)
        for slot in dropped { slot.destroy() }
    }

    /// Destroys what is left, the last created first, since it may use what was created before. Runs user
    /// code: called as a job.
    func end() {
        hasEnded = true
        while let slot = slots.popLast() { slot.destroy() }
    }
}

/// One loop's place for a value of its own. Owned by the `LoopLocal` it is a part of, and by its loop while
/// it holds an instance.
// Sendable: the atomics may be used anywhere; what a subclass holds is used on the loop's thread.
class LoopLocalSlot: @unchecked Sendable {
    fileprivate let wasDropped = Atomic<Bool>(false)
    private let hasInstance = Atomic<Bool>(false)

    fileprivate final var isAbandoned: Bool {
        wasDropped.load(ordering: .acquiring)
    }

    /// Whether there is an instance to destroy. Set on the loop.
    final var isLive: Bool {
        get { hasInstance.load(ordering: .acquiring) }
        set { hasInstance.store(newValue, ordering: .releasing) }
    }

    /// Leaves the instance for the loop to destroy. Safe to call from any thread; takes no lock, so it
    /// suits a `deinit`.
    final func abandon(on core: LoopCore) {
        guard isLive else { return }
        wasDropped.store(true, ordering: .releasing)
        core.locals.announceAbandoned()
        core.inbox.announce()
    }

    /// Lets the instance go. On the loop.
    func destroy() {}
}
