/// A first-in, first-out queue in one array that is used in a circle: it grows as needed, and allocates
/// nothing while it does not. Pure.
struct Ring<Element> {
    private var places: [Element?]
    private var head = 0
    private(set) var count = 0

    /// - Parameter capacity: how many elements it holds before it grows, rounded up to a power of two.
    init(capacity: Int = 8) {
        var size = 1
        while size < capacity { size *= 2 }
        places = Array(repeating: nil, count: size)
    }

    var isEmpty: Bool { count == 0 }

    mutating func append(_ element: Element) {
        if count == places.count { grow() }
        // The size is a power of two: the mask keeps the index inside.
        places[(head &+ count) & (places.count &- 1)] = element
        count += 1
    }

    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = places[head].take()
        head = (head &+ 1) & (places.count &- 1)
        count -= 1
        return element
    }

    private mutating func grow() {
        let inOrder = Array(places[head...]) + Array(places[..<head])
        places = inOrder + Array(repeating: nil, count: places.count)
        head = 0
    }
}
