@testable import Heddle

/// A list that any thread may add to: what happened in a test, in order.
// Sendable: `items` is guarded by `lock`.
final class Recorder<Item: Sendable>: @unchecked Sendable {
    private let lock = Lock()
    private var items: [Item] = []

    func add(_ item: Item) {
        lock.withLock { items.append(item) }
    }

    var all: [Item] { lock.withLock { items } }

    var count: Int { lock.withLock { items.count } }

    /// Forgets everything: also what would refer back to the list.
    func removeAll() {
        lock.withLock { items = [] }
    }
}

/// A number that any thread may change.
// Sendable: `number` is guarded by `lock`.
final class Counter: @unchecked Sendable {
    private let lock = Lock()
    private var number = 0

    @discardableResult
    func add(_ difference: Int = 1) -> Int {
        lock.withLock {
            number += difference
            return number
        }
    }

    var value: Int { lock.withLock { number } }
}
