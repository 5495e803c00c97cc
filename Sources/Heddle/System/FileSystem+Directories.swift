public import SystemPackage

/// Folders, and what lies in them.
extension FileSystem {
    /// Folders within folders that a walk or removal goes down at most; each costs a descriptor meanwhile.
    public static var maximumDepth: Int { TreeRemoval.maximumDepth }

    /// What lies in a folder, in the file system's own order, without `.` and `..`.
    ///
    /// Each iteration reads the folder anew, some hundreds of entries at a time. What comes or goes meanwhile may
    /// be in it or not.
    public func entries(of path: FilePath) -> DirectoryEntries {
        DirectoryEntries(files: self, path: path, depth: 0)
    }

    /// What lies in a folder and in the folders within it, each folder before what lies in it. Symbolic links are
    /// not followed.
    ///
    /// - Parameters:
    ///   - path: where to begin; it is not itself among the entries.
    ///   - descends: asked for each folder whether to go into it; ``DirectoryEntry/depth`` tells how far down it
    ///     lies.
    public func walk(
        _ path: FilePath, descends: @escaping @Sendable (DirectoryEntry) -> Bool = { _ in true }
    ) -> DirectoryWalk {
        DirectoryWalk(files: self, path: path, descends: descends)
    }

    /// Removes a folder with everything in it, or a file. Symbolic links are removed, not followed; what others put
    /// into a folder meanwhile is removed too.
    ///
    /// A cancelled or failed removal leaves what it had not come to.
    ///
    /// - Throws: as ``FileSystem``; ``IOError/Code/notEmpty`` if others go on making files in it;
    ///   ``IOError/Code/limitExceeded`` for folders more than ``maximumDepth`` deep.
    public func removeTree(_ path: FilePath) async throws {
        let removal = TreeRemoval(of: path)
        while try await perform("remove", on: path, { try !removal.step() }) {}
    }
}
