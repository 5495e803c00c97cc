/// A first-in, first-out queue in one array that is used in a circle: it grows as needed, and allocates
/// nothing while it does not. Pure.
@usableFromInline struct Ring<Element> {
    @usableFromInline var places: [Element?]
    @usableFromInline var head = 0
    @usableFromInline var count = 0

    /// - Parameter capacity: how many elements it holds before it grows, rounded up to a power of two.
    @inlinable init(capacity: Int = 8) {
        var size = 1
        while size < capacity { size *= 2 }
        places = Array(repeating: nil, count: size)
    }

    @inlinable var isEmpty: Bool { count == 0 }

    @inlinable mutating func append(_ element: Element) {
        if count == places.count { grow() }
        // The size is a power of two: the mask keeps the index inside.
        places[(head &+ count) & (places.count &- 1)] = element
        count += 1
    }

    @inlinable mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = places[head].take()
        head = (head &+ 1) & (places.count &- 1)
        count -= 1
        return element
    }

    @inlinable mutating func grow() {
        let inOrder = Array(places[head...]) + Array(places[..<head])
        places = inOrder + Array(repeating: nil, count: places.count)
        head = 0
    }
}
