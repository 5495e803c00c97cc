internal import Glibc
internal import SystemPackage

/// What lies at some paths, as one look after the other finds it. Belongs to one watch; looked with on threads of the
/// pool, one look at a time.
struct PollingPicture: Sendable {
    /// Most files and folders looked at.
    static let maximumEntries = 10_000

    /// What tells two states of a file apart.
    private struct State: Hashable, Sendable {
        let inode: UInt64
        let size: Int64
        let mode: UInt32
        let modified: [Int]

        init(_ status: Stat) {
            let raw = status.rawValue
            inode = UInt64(raw.st_ino)
            size = Int64(raw.st_size)
            mode = UInt32(raw.st_mode)
            modified = [
                raw.st_mtim.tv_sec, raw.st_mtim.tv_nsec, raw.st_ctim.tv_sec, raw.st_ctim.tv_nsec,
            ]
        }

        var isFolder: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }
    }

    let paths: [FilePath]
    /// Whether the folders within are looked at too.
    private let isRecursive: Bool
    private var states: [FilePath: State] = [:]

    init(paths: [FilePath], isRecursive: Bool = false) {
        self.paths = paths
        self.isRecursive = isRecursive
    }

    var isEmpty: Bool { paths.isEmpty }

    /// Looks again.
    ///
    /// - Returns: what is different from the last look.
    /// - Throws: ``IOError/Code/limitExceeded`` for too many files; the picture is the last one then.
    @discardableResult
    mutating func look() throws -> [(kind: FileEventQueue.Kind, path: FilePath)] {
        var found: [FilePath: State] = [:]
        for path in paths {
            guard let state = try Self.state(of: path, followingLink: true) else { continue }
            found[path] = state
            guard state.isFolder else { continue }
            var left = try Self.look(into: path, &found)
            while isRecursive, let inner = left.popLast() {
                left += try Self.look(into: inner, flags: O_NOFOLLOW, &found)
            }
        }
        var changes: [(kind: FileEventQueue.Kind, path: FilePath)] = []
        for (path, old) in states {
            guard let new = found[path] else {
                changes.append((.removed, path))
                continue
            }
            // A folder changes with what lies in it, which is told of.
            if new != old, !(new.isFolder && old.isFolder) { changes.append((.changed, path)) }
        }
        for path in found.keys where states[path] == nil { changes.append((.created, path)) }
        states = found
        return changes.sorted { $0.path.string < $1.path.string }
    }

    /// - Returns: the folders in it.
    private static func look(
        into path: FilePath, flags: Int32 = 0, _ found: inout [FilePath: State]
    ) throws -> [FilePath] {
        var folders: [FilePath] = []
        let isInner = flags != 0
        let open = { try OpenFile(path, flags: OpenFile.directoryFlags | flags, permissions: []) }
        let opened =
            try isInner ? TreeScan.unlessUnreachable(open) : SystemCall.unlessMissing(open)
        guard let folder = opened else { return [] }
        defer { folder.close() }
        while true {
            let names = try folder.nextNames()
            if names.isEmpty { return folders }
            for name in names {
                guard found.count < maximumEntries else {
                    throw IOError(
                        .limitExceeded, "watch", on: path.string,
                        reason: "more than \(maximumEntries) files to look at again and again")
                }
                let inner = folder.path(of: name)
                let state = try state(of: inner, followingLink: false)
                found[inner] = state
                if state?.isFolder == true { folders.append(inner) }
            }
        }
    }

    private static func state(of path: FilePath, followingLink: Bool) throws -> State? {
        try SystemCall.unlessMissing {
            State(try FileSystem.status(of: path, followingLink: followingLink))
        }
    }
}
