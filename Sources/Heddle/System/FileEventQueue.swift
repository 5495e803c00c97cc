internal import SystemPackage

/// Events that nobody has taken yet, with those of one path merged where they say nothing more, and held back
/// until their path has been quiet. Pure: it knows no clock and no files.
struct FileEventQueue {
    enum Kind { case created, changed, removed }

    /// Most events kept; one more and all of them become an overflow.
    static let maximumPending = 4096
    /// A path that is never quiet is told of at the latest after so many times the quiet asked for.
    static let maximumQuietTimes: UInt64 = 10

    private struct Pending {
        var kind: Kind
        let path: FilePath
        let first: UInt64
        var due: UInt64
    }

    /// How long a path must have been quiet, in nanoseconds; 0 tells of each event at once.
    let quietNanoseconds: UInt64
    /// By the order of their coming; those from `firstNumber` on.
    private var pending: [UInt64: Pending] = [:]
    private var latest: [FilePath: UInt64] = [:]
    private var firstNumber: UInt64 = 0
    private var nextNumber: UInt64 = 0
    private var isOverflowing = false

    init(quietNanoseconds: UInt64) {
        self.quietNanoseconds = quietNanoseconds
    }

    mutating func add(_ kind: Kind, _ path: FilePath, at now: UInt64) {
        guard let number = latest[path], let before = pending[number] else {
            return append(Pending(kind: kind, path: path, first: now, due: now &+ quietNanoseconds))
        }
        if quietNanoseconds > 0 {
            guard let merged = Self.merged(before.kind, kind) else { return remove(number) }
            let latestDue = before.first &+ quietNanoseconds &* Self.maximumQuietTimes
            pending[number]?.kind = merged
            pending[number]?.due = min(now &+ quietNanoseconds, latestDue)
        } else if before.kind == kind || (before.kind, kind) == (.created, .changed) {
            // Says nothing more than the one that waits.
        } else {
            append(Pending(kind: kind, path: path, first: now, due: now))
        }
    }

    /// Events were lost.
    mutating func overflow() {
        pending = [:]
        latest = [:]
        firstNumber = nextNumber
        isOverflowing = true
    }

    /// The first event that is due.
    mutating func popDue(at now: UInt64) -> FileEvent? {
        if isOverflowing {
            isOverflowing = false
            return .overflow
        }
        guard let number = firstDue(at: now), let event = pending[number] else { return nil }
        remove(number)
        switch event.kind {
        case .created: return .created(event.path)
        case .changed: return .changed(event.path)
        case .removed: return .removed(event.path)
        }
    }

    private func firstDue(at now: UInt64) -> UInt64? {
        // Mostly the first of all.
        if let first = pending[firstNumber], first.due <= now { return firstNumber }
        return pending.filter { $0.value.due <= now }.keys.min()
    }

    /// When the next event will be due; nil if there is none.
    var nextDue: UInt64? {
        isOverflowing ? 0 : pending.values.map(\.due).min()
    }

    private mutating func append(_ event: Pending) {
        guard pending.count < Self.maximumPending else { return overflow() }
        latest[event.path] = nextNumber
        pending[nextNumber] = event
        nextNumber += 1
    }

    private mutating func remove(_ number: UInt64) {
        guard let event = pending.removeValue(forKey: number) else { return }
        if latest[event.path] == number { latest[event.path] = nil }
        while firstNumber < nextNumber, pending[firstNumber] == nil { firstNumber += 1 }
    }

    /// What two events in a row come to; nil if to nothing.
    private static func merged(_ first: Kind, _ second: Kind) -> Kind? {
        switch (first, second) {
        case (.created, .removed): nil
        case (.created, _): .created
        case (.removed, .created), (.removed, .changed): .changed
        case (_, .removed): .removed
        case (.changed, _): .changed
        }
    }
}
