internal import Glibc
public import SystemPackage

/// What is done with a path in one step.
extension FileSystem {
    /// The kind, size, owner, permissions and times of what has a path: see stat(2).
    ///
    /// - Parameters:
    ///   - path: what is asked about.
    ///   - followingLink: whether a symbolic link stands for what it leads to, or for itself.
    public func status(of path: FilePath, followingLink: Bool = true) async throws -> Stat {
        try await perform("get the status of", on: path) {
            try Self.status(of: path, followingLink: followingLink)
        }
    }

    /// On a thread of the pool.
    static func status(of path: FilePath, followingLink: Bool) throws(IOError) -> Stat {
        var buffer = Glibc.stat()
        try SystemCall.check("get the status of", path) { text in
            // The system fills the buffer during the call.
            unsafe followingLink ? stat(text, &buffer) : lstat(text, &buffer)
        }
        return Stat(rawValue: buffer)
    }

    /// Makes a folder.
    ///
    /// - Parameters:
    ///   - path: the folder's; nothing may have it.
    ///   - withParents: makes the folders above that are missing too, and takes one that exists already as made.
    ///   - permissions: less the process's umask.
    public func createDirectory(
        _ path: FilePath, withParents: Bool = false,
        permissions: FilePermissions = [
            .ownerReadWriteExecute, .groupReadWriteExecute, .otherReadWriteExecute,
        ]
    ) async throws {
        try await perform("create the folder", on: path) {
            do {
                try Self.makeDirectory(path, permissions)
            } catch let error as IOError where error.code == .notFound && withParents {
                try Self.makeParents(of: path, permissions)
            } catch let error as IOError where error.code == .alreadyExists && withParents {
                let found = try Self.status(of: path, followingLink: true).type
                if found != .directory { throw error }
            }
        }
    }

    private static func makeDirectory(
        _ path: FilePath, _ permissions: FilePermissions
    ) throws {
        try SystemCall.check("create the folder", path) {
            // The text lives for the call.
            unsafe mkdir($0, permissions.rawValue)
        }
    }

    /// Makes `path`, from the first part of it that is missing on.
    private static func makeParents(of path: FilePath, _ permissions: FilePermissions) throws {
        var next = FilePath(root: path.root, [])
        for part in path.components {
            next.append(part)
            do {
                try makeDirectory(next, permissions)
            } catch let error as IOError where error.code == .alreadyExists {
                // Made before, or by somebody else just now.
            }
        }
    }

    /// Renames or moves within a file system, in one step: others see the old or the new.
    ///
    /// - Parameters:
    ///   - path: the old one.
    ///   - newPath: the new one, not that of a folder to move into.
    ///   - replacing: whether a file, or an empty folder, that has the new path is replaced; if not, it is an error with ``IOError/Code/alreadyExists``.
    public func rename(
        _ path: FilePath, to newPath: FilePath, replacing: Bool = true
    ) async throws {
        try await perform("rename", on: path) {
            try Self.rename(path, to: newPath, replacing: replacing)
        }
    }

    /// On a thread of the pool.
    static func rename(
        _ path: FilePath, to newPath: FilePath, replacing: Bool
    ) throws(IOError) {
        try SystemCall.check("rename", path, "to", newPath) { old, new in
            unsafe replacing
                ? Glibc.rename(old, new) : LinuxCalls.renameWithoutReplacing(old, to: new)
        }
    }

    /// Removes a file, a symbolic link (not what it leads to), or an empty folder.
    public func remove(_ path: FilePath) async throws {
        try await perform("remove", on: path) { try Self.remove(path) }
    }

    /// On a thread of the pool.
    static func remove(_ path: FilePath) throws(IOError) {
        try SystemCall.check("remove", path) { unsafe Glibc.remove($0) }
    }

    /// Sets who may do what: see chmod(2).
    public func setPermissions(_ permissions: FilePermissions, of path: FilePath) async throws {
        try await perform("set the permissions of", on: path) {
            _ = try SystemCall.check("set the permissions of", path) {
                unsafe chmod($0, permissions.rawValue)
            }
        }
    }

    // MARK: Links

    /// Makes a symbolic link.
    ///
    /// - Parameters:
    ///   - path: where the link is made; nothing may have it.
    ///   - target: what the link says, relative to the folder it lies in; it need not exist.
    public func createSymbolicLink(at path: FilePath, to target: FilePath) async throws {
        try await perform("link", on: path) {
            try SystemCall.check("link", path, "to", target) { link, target in
                unsafe symlink(target, link)
            }
        }
    }

    /// What a symbolic link says.
    public func destination(ofSymbolicLink path: FilePath) async throws -> FilePath {
        try await perform("read the link", on: path) {
            var text = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
            try SystemCall.check("read the link", path) {
                // One byte is left for the NUL that ends the path.
                unsafe readlink($0, &text, text.count - 1)
            }
            return FilePath(platformString: text)
        }
    }

    /// Gives a file a second name in the same file system, which nothing may have.
    public func createLink(at path: FilePath, to existing: FilePath) async throws {
        try await perform("link", on: path) {
            try SystemCall.check("link", path, "to", existing) { link, existing in
                unsafe Glibc.link(existing, link)
            }
        }
    }
}
