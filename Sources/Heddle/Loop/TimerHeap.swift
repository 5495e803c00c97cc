/// Something that a loop's clock will call once. Owned by the operation that waits for it; the heap
/// holds it while it is set.
class LoopTimer {
    fileprivate(set) final var position = -1

    final var isSet: Bool { position >= 0 }

    /// The deadline passed. Runs on the loop and must only make things ready.
    func fired() {}

    /// The turn of a timer that put itself in the ready queue when it fired.
    func takeTurn() {}

    /// The loop stops: the deadline will never pass.
    func loopStopped() {}
}

/// The timers of one loop by deadline: a heap with four children a node, in one array, from which a
/// timer can be removed in place, so a cancelled one leaves nothing behind. Pure: it knows no clock.
struct TimerHeap {
    private struct Node {
        let deadline: UInt64
        /// Breaks ties: timers of one deadline fire in the order they were set.
        let sequence: UInt64
        let timer: LoopTimer

        func isBefore(_ other: Node) -> Bool {
            deadline != other.deadline ? deadline < other.deadline : sequence < other.sequence
        }
    }

    private var nodes: [Node] = []
    private var nextSequence: UInt64 = 0

    var count: Int { nodes.count }

    /// The earliest deadline, in nanoseconds.
    var earliest: UInt64? { nodes.first?.deadline }

    /// Sets a timer that is not set.
    mutating func insert(_ timer: LoopTimer, deadline: UInt64) {
        precondition(!timer.isSet, "the timer is set already")
        nodes.append(Node(deadline: deadline, sequence: nextSequence, timer: timer))
        nextSequence += 1
        timer.position = nodes.count - 1
        siftUp(nodes.count - 1)
    }

    /// Unsets a timer; nothing happens if it is not set.
    mutating func remove(_ timer: LoopTimer) {
        guard timer.isSet else { return }
        removeNode(at: timer.position)
    }

    /// The earliest timer, removed, if its deadline is not after `now`.
    mutating func popDue(at now: UInt64) -> LoopTimer? {
        guard let first = nodes.first, first.deadline <= now else { return nil }
        removeNode(at: 0)
        return first.timer
    }

    /// Any timer, removed.
    mutating func popAny() -> LoopTimer? {
        guard let last = nodes.popLast() else { return nil }
        last.timer.position = -1
        return last.timer
    }

    private mutating func removeNode(at index: Int) {
        nodes[index].timer.position = -1
        let last = nodes.removeLast()
        if index < nodes.count {
            place(last, at: index)
            siftUp(index)
            siftDown(last.timer.position)
        }
        // A heap far below its peak gives the memory back.
        if nodes.count * 4 < nodes.capacity, nodes.capacity > 1024 { shrink() }
    }

    private mutating func shrink() {
        var smaller: [Node] = []
        smaller.reserveCapacity(nodes.count * 2)
        smaller.append(contentsOf: nodes)
        nodes = smaller
    }

    private mutating func place(_ node: Node, at index: Int) {
        nodes[index] = node
        node.timer.position = index
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        let node = nodes[index]
        while index > 0 {
            let parent = (index - 1) / 4
            guard node.isBefore(nodes[parent]) else { break }
            place(nodes[parent], at: index)
            index = parent
        }
        place(node, at: index)
    }

    private mutating func siftDown(_ start: Int) {
        var index = start
        let node = nodes[index]
        while true {
            let firstChild = index * 4 + 1
            guard firstChild < nodes.count else { break }
            var best = firstChild
            for child in (firstChild + 1)..<max(firstChild + 1, min(firstChild + 4, nodes.count))
            where nodes[child].isBefore(nodes[best]) {
                best = child
            }
            guard nodes[best].isBefore(node) else { break }
            place(nodes[best], at: index)
            index = best
        }
        place(node, at: index)
    }
}
