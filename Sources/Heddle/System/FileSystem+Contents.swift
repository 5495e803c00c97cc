internal import Glibc
public import SystemPackage

/// Whole files.
extension FileSystem {
    /// The contents of a file.
    ///
    /// - Parameters:
    ///   - path: the file's.
    ///   - limit: most bytes taken, up to 1 GiB.
    /// - Throws: ``IOError/Code/limitExceeded`` for a file that is longer.
    public func read(_ path: FilePath, limit: Int = 64 << 20) async throws -> Bytes {
        guard limit >= 0, limit <= File.maximumRead else {
            throw IOError(
                .invalidArgument, "read", on: path.string,
                reason: "a limit of \(limit) bytes is not within bounds")
        }
        return try await perform("read", on: path) {
            let file = try OpenFile(path, flags: O_RDONLY, permissions: [])
            defer { file.close() }
            return try file.readAll(limit: limit)
        }
    }

    /// Makes `contents` the contents of a file in one step, whether it exists or not: others, and whoever comes
    /// after a power failure, see the old contents or the new ones.
    ///
    /// The bytes go into a new file in the same folder, which takes the name at the end, and the permissions of the
    /// file it replaces. A symbolic link is replaced, not what it leads to.
    ///
    /// - Parameters:
    ///   - path: the file's, which may be missing.
    ///   - contents: all that the file has afterwards.
    ///   - synchronizing: whether to wait until the bytes and the name are on the disk. Without, a power failure may
    ///     leave either contents, or none.
    public func replace(
        _ path: FilePath, with contents: Bytes, synchronizing: Bool = true
    ) async throws {
        try await perform("replace", on: path) {
            let file = try NewFile(for: path)
            do {
                try file.takePermissions(of: path)
                try file.open.write(contents, at: 0)
                if synchronizing { try file.open.synchronize(metadata: true) }
                try file.publish(as: path, replacing: true)
            } catch {
                file.discard()
                throw error
            }
            if synchronizing { try Self.synchronizeDirectory(of: path) }
        }
    }

    /// Makes the UTF-8 bytes of `contents` those of a file; as ``replace(_:with:synchronizing:)-(_,Bytes,_)``.
    public func replace(
        _ path: FilePath, with contents: String, synchronizing: Bool = true
    ) async throws {
        try await replace(path, with: Bytes(contents), synchronizing: synchronizing)
    }

    /// Puts the names in a path's folder on the disk. On a thread of the pool.
    private static func synchronizeDirectory(of path: FilePath) throws {
        let parent = path.removingLastComponent()
        let folder = try OpenFile(
            parent.isEmpty ? "." : parent, flags: OpenFile.directoryFlags, permissions: [])
        defer { folder.close() }
        try folder.synchronize(metadata: true)
    }
}

/// A file in the making: beside the path it is for, under a name of its own. Owned by one piece of work at a time,
/// which publishes or discards it.
struct NewFile: Sendable {
    let open: OpenFile

    /// One that was made before.
    init(open: OpenFile) {
        self.open = open
    }

    /// Makes the file. On a thread of the pool, as everything here.
    init(for path: FilePath) throws(IOError) {
        // Before anything is made: an empty path has no folder either.
        try path.checkIsUsable(for: "create")
        let name = FileSystem.temporaryName()
        open = try OpenFile(
            path.removingLastComponent().appending(name),
            flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
            permissions: FileOptions.writing.permissions)
    }

    /// Gives it the permissions of what it will replace, if there is something.
    func takePermissions(of path: FilePath) throws {
        let found = try SystemCall.unlessMissing {
            try FileSystem.status(of: path, followingLink: false)
        }
        guard let found else { return }
        if found.type == .directory {
            throw IOError(.wrongFileType, "replace", on: path.string, reason: "it is a folder")
        }
        if found.type == .regular { try open.setPermissions(found.permissions) }
    }

    /// Closes it and gives it its name. If this throws it is still to be discarded.
    func publish(as path: FilePath, replacing: Bool) throws(IOError) {
        try FileSystem.rename(open.path, to: path, replacing: replacing)
        if let error = open.close() { throw error }
    }

    /// Removes it again.
    func discard() {
        open.close()
        try? FileSystem.remove(open.path)
    }
}
