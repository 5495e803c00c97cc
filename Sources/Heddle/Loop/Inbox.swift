internal import Synchronization

/// What other threads hand to a loop: a queue under a lock. Owned by the loop.
///
/// The first item of an empty queue rings the bell; those that follow find it rung. Once shut, the
/// queue takes nothing more and says so, which tells the poster where else to go.
// Sendable: `items`, `isShut` are guarded by `lock`; the loop's thread alone uses `spare`.
final class Inbox: @unchecked Sendable {
    let bell = Doorbell()
    private let lock = Lock()
    private var items: [ReadyItem] = []
    private var isShut = false
    private var spare: [ReadyItem] = []

    /// Whether mail waits: a hint that saves the loop the lock when it has none.
    private let hasMail = Atomic<Bool>(false)

    /// Adds an item; false if the inbox is shut, and then the item is still the caller's.
    /// Safe to call from any thread.
    func post(_ item: ReadyItem) -> Bool {
        let (accepted, wasEmpty) = lock.withLock {
            guard !isShut else { return (false, false) }
            items.append(item)
            return (true, items.count == 1)
        }
        if wasEmpty {
            hasMail.store(true, ordering: .releasing)
            bell.ring()
        }
        return accepted
    }

    /// Has the loop look at what was left for it elsewhere. Safe to call from any thread; takes no lock.
    func announce() {
        hasMail.store(true, ordering: .releasing)
        bell.ring()
    }

    /// On the loop: whether `take` would find something. May miss what is posted just now; the bell
    /// tells of that.
    @inline(__always)
    var mayHaveMail: Bool {
        hasMail.load(ordering: .relaxed)
    }

    /// On the loop: moves everything posted so far behind what is ready.
    func take(into ready: TurnQueues) {
        hasMail.store(false, ordering: .relaxed)
        lock.withLock { swap(&items, &spare) }
        for item in spare { ready.append(item) }
        // Keep the memory of usual loads, give back that of a burst.
        spare.removeAll(keepingCapacity: spare.count <= 1024)
    }

    /// On the loop: takes no more mail from now on. What was accepted is still there to `take`.
    func shut() {
        lock.withLock { isShut = true }
        bell.shut()
    }
}
