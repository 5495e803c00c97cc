internal import SystemPackage

/// The new folders of watched trees: those that are to be looked at, and what the last looks have told, so that the
/// kernel's events of the same are not told again. Pure: it knows no files.
struct TreeGrowth {
    /// Most names remembered for that; with more, an event may be told twice, and an overflow says so.
    static let maximumNames = 4 * FileEventQueue.maximumPending

    private(set) var places: [TreeScan.Place] = []
    /// Whether everything is to be looked at, for events were lost.
    private(set) var isWhole = false
    /// What was told of a folder, by its watch, until so many bytes of events have been taken.
    private var told: [Int32: (names: Set<FilePath.Component>, until: UInt64)] = [:]
    private var order: [(number: Int32, until: UInt64)] = []
    private var nameCount = 0
    private var taken: UInt64 = 0

    /// Whether something is to be looked at.
    var isWaiting: Bool { isWhole || !places.isEmpty }

    mutating func add(_ place: TreeScan.Place) {
        places.append(place)
    }

    /// A folder is gone from where it lay.
    mutating func remove(_ name: FilePath.Component, in number: Int32) {
        places.removeAll { $0.outer.map { $0.number == number && $0.name == name } ?? false }
    }

    /// Folders are not watched any more: what lies in them will be found elsewhere, or not at all.
    mutating func forget(_ numbers: [Int32]) {
        guard !places.isEmpty, !numbers.isEmpty else { return }
        let numbers = Set(numbers)
        places.removeAll { $0.outer.map { numbers.contains($0.number) } ?? false }
    }

    mutating func lookAtAll() {
        isWhole = true
        places = []
    }

    /// A look has begun.
    mutating func began() {
        isWhole = false
        places = []
    }

    /// A look has told of what lies in new folders; `queuedBytes` of events that the kernel has may be of the
    /// same.
    ///
    /// - Returns: whether there was too much to remember.
    mutating func told(_ scan: TreeScan, queuedBytes: Int) -> Bool {
        let until = taken &+ UInt64(queuedBytes)
        for folder in scan.folders where !folder.names.isEmpty && queuedBytes > 0 {
            nameCount += folder.names.count - (told[folder.number]?.names.count ?? 0)
            told[folder.number] = (folder.names, until)
            order.append((folder.number, until))
        }
        guard nameCount > Self.maximumNames else { return false }
        told = [:]
        order = []
        nameCount = 0
        return true
    }

    /// Whether an event says only what a look has told.
    mutating func hasTold(
        _ kind: FileEventQueue.Kind, _ name: FilePath.Component, in number: Int32
    ) -> Bool {
        guard kind != .changed, told[number]?.names.remove(name) != nil else { return false }
        nameCount -= 1
        // A removal is one of what was told; what is created after it is new.
        return kind == .created
    }

    /// Events were taken from the kernel's queue.
    mutating func didTake(bytes: Int) {
        taken &+= UInt64(bytes)
        guard let first = order.first, first.until <= taken else { return }
        let over = order.prefix { $0.until <= taken }
        for (number, until) in over where told[number]?.until == until {
            nameCount -= told.removeValue(forKey: number)?.names.count ?? 0
        }
        order.removeFirst(over.count)
    }
}
