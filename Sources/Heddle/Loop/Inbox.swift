internal import Synchronization

/// What other threads hand to a loop: a queue under a lock. Owned by the loop.
///
/// The first item of an empty queue rings the bell; those that follow find it rung. Once shut, the
/// queue takes nothing more and says so, which tells the poster where else to go.
// Sendable: `items`, `isShut` are guarded by `lock`; the loop's thread alone uses what is taken.
// Exclusivity: the queues are used by single statements, `items` inside the lock.
final class Inbox: @unchecked Sendable {
    let bell = Doorbell()
    private let lock = Lock()
    @safe @exclusivity(unchecked) private var items = ReadyQueue(capacity: 8)
    private var isShut = false
    /// What the loop has taken out and not handed on yet.
    @safe @exclusivity(unchecked) private var taken = ReadyQueue(capacity: 8)

    /// Whether mail waits: a hint that saves the loop the lock when it has none.
    private let hasMail = Atomic<Bool>(false)

    /// Adds an item; false if the inbox is shut, and then the item is still the caller's.
    /// Safe to call from any thread.
    func post(_ item: ReadyItem) -> Bool {
        lock.acquire()
        guard !isShut else {
            lock.release()
            return false
        }
        let wasEmpty = items.isEmpty
        items.append(item)
        lock.release()
        if wasEmpty { announce() }
        return true
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

    /// On the loop: moves what was posted so far behind what is ready, at most `limit` items. Posters
    /// who are faster than the loop so do not bury what its timers and input made ready.
    func take(_ limit: Int, into ready: TurnQueues) {
        if taken.isEmpty {
            hasMail.store(false, ordering: .relaxed)
            lock.withLock { swap(&items, &taken) }
        }
        var room = limit
        while room > 0, let item = taken.popFirst() {
            ready.append(item)
            room -= 1
        }
        if !taken.isEmpty {
            hasMail.store(true, ordering: .relaxed)
        } else if taken.capacity > Self.usualItems {
            taken = ReadyQueue(capacity: 8)
        }
    }

    /// On the loop, once shut: moves everything that was accepted.
    func takeRest(into ready: TurnQueues) {
        // First what an earlier take left, then what was posted since.
        for _ in 0..<2 { take(.max, into: ready) }
    }

    /// Memory for this many items is kept; what a burst took beyond is given back.
    private static let usualItems = 1024

    /// On the loop: takes no more mail from now on. What was accepted is still there to `take`.
    func shut() {
        lock.withLock { isShut = true }
        bell.shut()
    }
}
