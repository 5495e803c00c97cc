internal import Glibc
internal import SystemPackage

/// A look at a folder and the folders within it that puts an inotify watch on each before it lists what lies there,
/// so that nothing is missed in between. Made on a thread of the pool; blocks.
struct TreeScan: Sendable {
    /// Where to look.
    struct Place: Sendable {
        var path: FilePath
        /// The watch it has already.
        var number: Int32?
        /// The watch of the folder it lies in, and its name there.
        var outer: (number: Int32, name: FilePath.Component)?
    }

    /// A folder that is watched now.
    struct Folder: Sendable {
        let number: Int32
        let path: FilePath
        let outer: (number: Int32, name: FilePath.Component)?
        /// What was seen in it, as far as that is told.
        var names: Set<FilePath.Component> = []
    }

    /// Most files and folders that one scan tells of.
    static let maximumEntries = FileEventQueue.maximumPending

    private let descriptor: Int32
    private let limit: Int
    private let mask: UInt32
    /// Whether what lies in the folders is to be told.
    private let tells: Bool
    /// How many of the folders lie in others.
    private var innerCount = 0
    /// Each before what lies in it.
    private(set) var folders: [Folder] = []
    private(set) var entries: [FilePath] = []
    /// Whether there is more than it tells of.
    private(set) var hasMore = false

    /// - Parameter limit: most folders to watch.
    init(descriptor: Int32, mask: UInt32, limit: Int, tells: Bool) {
        self.descriptor = descriptor
        self.mask = mask
        self.limit = limit
        self.tells = tells
    }

    /// Looks at all of `places`. What vanishes meanwhile, and folders that this process may not read, are passed
    /// over.
    ///
    /// - Throws: ``IOError/Code/limitExceeded`` for too many folders, ``IOError/Code/resourcesExhausted`` at
    ///   the user's limit of watches; what was found by then stays.
    mutating func look(at places: [Place]) throws {
        var left = Array(places.reversed())
        while let place = left.popLast() {
            guard place.number != nil || innerCount < limit else { throw tooMany(place.path) }
            guard let number = try place.number ?? watch(place) else { continue }
            folders.append(Folder(number: number, path: place.path, outer: place.outer))
            if place.outer != nil { innerCount += 1 }
            for name in try list(place, number) {
                guard innerCount + left.count < limit else { throw tooMany(place.path) }
                left.append(
                    Place(path: place.path.appending(name), outer: (number, name)))
            }
        }
    }

    private func watch(_ place: Place) throws -> Int32? {
        try Self.unlessUnreachable {
            try WatchBeginning.add(
                place.path, to: descriptor, mask: mask | UInt32(IN_DONT_FOLLOW), for: place.path)
        }
    }

    /// The names of the folders in a folder.
    private mutating func list(
        _ place: Place, _ number: Int32
    ) throws -> [FilePath.Component] {
        var inner: [FilePath.Component] = []
        // The place itself may be a link if it is where a tree begins.
        let flags = OpenFile.directoryFlags | (place.outer == nil ? 0 : O_NOFOLLOW)
        let opened = try Self.unlessUnreachable {
            try OpenFile(place.path, flags: flags, permissions: [])
        }
        guard let folder = opened else { return [] }
        defer { folder.close() }
        while true {
            let found = try Self.unlessUnreachable { try folder.nextEntries(depth: 0) } ?? []
            if found.isEmpty { return inner }
            for entry in found {
                guard let name = entry.path.lastComponent else { continue }
                if entry.type == .directory { inner.append(name) }
                tell(entry.path, name)
            }
        }
    }

    private mutating func tell(_ path: FilePath, _ name: FilePath.Component) {
        guard tells else { return }
        guard entries.count < Self.maximumEntries else {
            hasMore = true
            return
        }
        entries.append(path)
        folders[folders.count - 1].names.insert(name)
    }

    private func tooMany(_ path: FilePath) -> IOError {
        IOError(
            .limitExceeded, "watch", on: path.string,
            reason: "more than \(limit) folders to watch: see maximumFolders")
    }

    /// What `body` returns; nil if the path leads to no folder any more, or to none for this process.
    static func unlessUnreachable<T>(_ body: () throws -> T) throws -> T? {
        do {
            return try body()
        } catch let error as IOError
            where ["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "EPERM"].contains(error.systemName)
        {
            return nil
        }
    }
}
