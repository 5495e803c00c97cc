internal import SystemPackage

/// What the inotify watches of one watcher are for, by their numbers. Pure: it makes and removes none.
struct WatchTargets: Sendable {
    /// What one inotify watch, which is one on a folder, is for.
    struct Target: Sendable {
        /// The folder, if it is watched itself.
        var folder: FilePath?
        /// Files in it that are watched, by their names, and whether they are there now.
        var files: [FilePath.Component: (path: FilePath, exists: Bool)] = [:]
        /// Whether the folders within are watched too.
        var isTree = false
        /// Of a folder that is watched because the one it lies in is: that one's watch, and its own name.
        var outer: (number: Int32, name: FilePath.Component)?
        /// The folders within that are watched because this one is.
        var inner: [FilePath.Component: Int32] = [:]
    }

    private(set) var all: [Int32: Target] = [:]

    subscript(number: Int32) -> Target? { all[number] }

    /// The folders that trees begin at.
    var treeRoots: [TreeScan.Place] {
        all.compactMap { number, target in
            guard target.isTree, target.outer == nil, let path = target.folder else { return nil }
            return TreeScan.Place(path: path, number: number)
        }
    }

    mutating func add(root path: FilePath, isTree: Bool, _ number: Int32) {
        all[number, default: Target()].folder = path
        if isTree { all[number]?.isTree = true }
    }

    mutating func add(
        file name: FilePath.Component, _ path: FilePath, exists: Bool, in number: Int32
    ) {
        all[number, default: Target()].files[name] = (path, exists)
    }

    mutating func setExists(_ exists: Bool, file name: FilePath.Component, in number: Int32) {
        all[number]?.files[name]?.exists = exists
    }

    /// A folder within a watched tree is watched from now on; by another path than before, if it was moved.
    mutating func add(_ found: TreeScan.Folder) {
        guard let outer = found.outer, all[outer.number] != nil else { return }
        if let known = all[found.number] {
            // One that a tree begins at keeps its own path.
            if known.outer == nil, known.folder != nil { return }
            if let old = known.outer { all[old.number]?.inner[old.name] = nil }
        }
        all[found.number, default: Target()].folder = found.path
        all[found.number]?.isTree = true
        all[found.number]?.outer = outer
        all[outer.number]?.inner[outer.name] = found.number
    }

    /// A folder is gone or has moved: whatever is watched because it was, is not any more. Files that are
    /// watched themselves are gone with it too, unless `keepingFiles`.
    ///
    /// - Returns: the watches that are for nothing now.
    mutating func forget(_ number: Int32, keepingFiles: Bool = false) -> [Int32] {
        if let outer = all[number]?.outer { all[outer.number]?.inner[outer.name] = nil }
        var forgotten: [Int32] = []
        var left = [number]
        while let next = left.popLast() {
            guard let target = all.removeValue(forKey: next) else { continue }
            left += target.inner.values
            if target.files.isEmpty || next == number && !keepingFiles {
                forgotten.append(next)
            } else {
                all[next] = Target(files: target.files)
            }
        }
        return forgotten
    }

    /// The same for a folder by its name in the one it lies in.
    mutating func forget(_ name: FilePath.Component, in number: Int32) -> [Int32] {
        guard let inner = all[number]?.inner[name] else { return [] }
        return forget(inner, keepingFiles: true)
    }

    /// The folders within trees that are watched.
    var innerNumbers: Set<Int32> { Set(all.filter { $0.value.outer != nil }.keys) }
}
