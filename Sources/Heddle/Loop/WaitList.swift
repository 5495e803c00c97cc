/// A line of those who wait, in the order they came, from which anyone can be taken out at once. Pure;
/// owned by the state machine whose waits it holds.
///
/// A wait is named by its ticket, and stays stored after it has left the line, until it is removed: its
/// end may be known before the waiting task has suspended. Places are used again, so a line that does not
/// grow allocates nothing; a ticket of an earlier use of its place is known to be old.
@usableFromInline struct WaitList<Wait> {
    /// Names one wait, for as long as it is stored.
    @usableFromInline struct Ticket: Hashable, Sendable {
        @usableFromInline let index: Int
        @usableFromInline let generation: UInt64

        @inlinable init(index: Int, generation: UInt64) {
            self.index = index
            self.generation = generation
        }
    }

    @usableFromInline struct Place {
        @usableFromInline var wait: Wait?
        @usableFromInline var generation: UInt64 = 0
        @usableFromInline var isInLine = false
        @usableFromInline var next = -1
        @usableFromInline var previous = -1

        @inlinable init() {}
    }

    /// Places that an empty line keeps the memory of.
    @inlinable static var placesKept: Int { 1024 }

    @usableFromInline var places: [Place] = []
    @usableFromInline var free: [Int] = []
    @usableFromInline var head = -1
    @usableFromInline var tail = -1
    /// Never given twice, whichever place it is for.
    @usableFromInline var nextGeneration: UInt64 = 1
    /// How many are in line.
    @usableFromInline var count = 0

    @inlinable var isEmpty: Bool { count == 0 }

    /// How many are stored, in line or not.
    @inlinable var storedCount: Int { places.count - free.count }

    @inlinable init() {}

    /// Adds a wait at the end of the line.
    @inlinable mutating func append(_ wait: Wait) -> Ticket {
        let index = free.popLast() ?? places.count
        if index == places.count { places.append(Place()) }
        places[index].wait = wait
        places[index].generation = nextGeneration
        nextGeneration += 1
        places[index].isInLine = true
        places[index].next = -1
        places[index].previous = tail
        if tail >= 0 { places[tail].next = index } else { head = index }
        tail = index
        count += 1
        return Ticket(index: index, generation: places[index].generation)
    }

    /// The ticket of the one that has waited longest.
    @inlinable var first: Ticket? {
        head >= 0 ? Ticket(index: head, generation: places[head].generation) : nil
    }

    /// The wait of a ticket; nil once it has been removed. Setting does nothing then.
    @inlinable subscript(ticket: Ticket) -> Wait? {
        get { isStored(ticket) ? places[ticket.index].wait : nil }
        set { if isStored(ticket) { places[ticket.index].wait = newValue } }
    }

    /// Takes a wait out of the line, and keeps it stored; whether it was in line.
    @discardableResult
    @inlinable mutating func leaveLine(_ ticket: Ticket) -> Bool {
        guard isStored(ticket), places[ticket.index].isInLine else { return false }
        let (previous, next) = (places[ticket.index].previous, places[ticket.index].next)
        if previous >= 0 { places[previous].next = next } else { head = next }
        if next >= 0 { places[next].previous = previous } else { tail = previous }
        places[ticket.index].isInLine = false
        count -= 1
        return true
    }

    /// Removes a wait, from the line too; nil if it was removed before.
    @discardableResult
    @inlinable mutating func remove(_ ticket: Ticket) -> Wait? {
        guard isStored(ticket) else { return nil }
        leaveLine(ticket)
        let wait = places[ticket.index].wait.take()
        free.append(ticket.index)
        if free.count == places.count, places.count > Self.placesKept {
            // The memory of a burst is given back; old tickets stay old.
            places = []
            free = []
        }
        return wait
    }

    /// Removes the one that has waited longest.
    @inlinable mutating func popFirst() -> Wait? {
        first.flatMap { remove($0) }
    }

    @inlinable func isStored(_ ticket: Ticket) -> Bool {
        ticket.index < places.count && places[ticket.index].generation == ticket.generation
            && places[ticket.index].wait != nil
    }
}
