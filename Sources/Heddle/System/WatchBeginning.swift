internal import Glibc
internal import SystemPackage

/// What a watch begins with, as made on a thread of the pool: an inotify descriptor, what each of its watches is
/// for, and a first look at what has no events. Whoever holds it uses it or discards it.
struct WatchBeginning: Sendable {
    private(set) var descriptor: Int32?
    private(set) var targets = WatchTargets()
    private(set) var polled: PollingPicture

    private static let eventMask = UInt32(
        IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF
            | IN_MOVE_SELF)
    /// Folders only: a file is watched by the folder it lies in, as it may be missing or replaced.
    static let watchMask = eventMask | UInt32(IN_ONLYDIR)

    private let options: WatchOptions

    init(_ paths: [FilePath], options: WatchOptions) throws {
        self.options = options
        polled = PollingPicture(paths: [])
        var pollingPaths: [FilePath] = []
        do {
            for path in paths {
                try path.checkIsUsable(for: "watch")
                if try Self.needsPolling(path, options.method) {
                    pollingPaths.append(path)
                } else {
                    try watch(path)
                }
            }
            try lookAtTrees()
            polled = PollingPicture(paths: pollingPaths, isRecursive: options.isRecursive)
            try polled.look()
        } catch {
            discard()
            throw error
        }
    }

    func discard() {
        if let descriptor { _ = Glibc.close(descriptor) }
    }

    private static func needsPolling(
        _ path: FilePath, _ method: WatchOptions.Method
    ) throws -> Bool {
        switch method {
        case .events: return false
        case .polling: return true
        case .automatic:
            let folder = try isFolder(path) ? path : parent(of: path)
            let type = try SystemCall.check("watch", folder) {
                // The text lives for the call, here and below.
                unsafe LinuxCalls.fileSystemType(of: $0)
            }
            return LinuxCalls.fileSystemsWithoutEvents.contains(type)
        }
    }

    static func isFolder(_ path: FilePath) throws -> Bool {
        let found = try SystemCall.unlessMissing {
            try FileSystem.status(of: path, followingLink: true)
        }
        return found?.type == .directory
    }

    private static func parent(of path: FilePath) -> FilePath {
        let parent = path.removingLastComponent()
        return parent.isEmpty ? "." : parent
    }

    private mutating func watch(_ path: FilePath) throws {
        let inotify = try openedDescriptor(for: path)
        if try Self.isFolder(path) {
            let number = try Self.add(path, to: inotify, mask: Self.watchMask, for: path)
            targets.add(root: path, isTree: options.isRecursive, number)
            return
        }
        guard let name = path.lastComponent, name.kind == .regular else {
            throw IOError(.notFound, "watch", on: path.string, reason: "no such file or directory")
        }
        let folder = Self.parent(of: path)
        let number = try Self.add(folder, to: inotify, mask: Self.watchMask, for: path)
        // After the watch began, so that no change is missed.
        let found = try SystemCall.unlessMissing {
            try FileSystem.status(of: path, followingLink: false)
        }
        targets.add(file: name, path, exists: found != nil, in: number)
    }

    /// Watches the folders within those that are watched as trees.
    private mutating func lookAtTrees() throws {
        let roots = targets.treeRoots
        guard let descriptor, !roots.isEmpty else { return }
        var scan = TreeScan(
            descriptor: descriptor, mask: Self.watchMask, limit: options.maximumFolders,
            tells: false)
        try scan.look(at: roots)
        for folder in scan.folders { targets.add(folder) }
    }

    /// Puts a watch on a folder.
    ///
    /// - Returns: its number, that of the one there was if it is watched already.
    static func add(
        _ folder: FilePath, to inotify: Int32, mask: UInt32, for path: FilePath
    ) throws -> Int32 {
        do {
            return try SystemCall.check("watch", folder) {
                // As above.
                unsafe inotify_add_watch(inotify, $0, mask)
            }
        } catch {
            guard error.code == .outOfSpace else { throw error }
            throw IOError(
                .resourcesExhausted, "watch", on: path.string,
                reason: "the user's limit of watches is reached (fs.inotify.max_user_watches)")
        }
    }

    private mutating func openedDescriptor(for path: FilePath) throws -> Int32 {
        if let descriptor { return descriptor }
        let opened = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard opened >= 0 else {
            guard errno != EMFILE else {
                throw IOError(
                    .resourcesExhausted, "watch", on: path.string,
                    reason:
                        "too many descriptors, or watchers of the user (fs.inotify.max_user_instances)"
                )
            }
            throw IOError(errno: errno, "watch", on: path.string)
        }
        descriptor = opened
        return opened
    }
}
