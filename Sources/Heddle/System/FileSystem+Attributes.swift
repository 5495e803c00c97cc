public import Glibc
public import SystemPackage

/// What the system keeps with a path besides its contents: who may use it, whose it is, when it was used, where it lies.
extension FileSystem {
    /// What somebody may want to do with a file, or in a folder.
    public struct Access: OptionSet, Sendable, Hashable {
        /// As access(2) takes them.
        public let rawValue: Int32

        /// The bits of access(2).
        public init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        /// To read it, or list the folder.
        public static let reading = Access(rawValue: R_OK)
        /// To write it, or change what the folder has.
        public static let writing = Access(rawValue: W_OK)
        /// To run it, or use what lies in the folder.
        public static let executing = Access(rawValue: X_OK)
    }

    /// Whether this process may do all of `access` with what has a path now: see faccessat(2), with the effective user.
    ///
    /// For what to show, not for what to do: it may be otherwise a moment later, and opening it tells. Nothing
    /// asked is always allowed of what exists.
    public func allows(_ access: Access, to path: FilePath) async throws -> Bool {
        try await perform("check the access to", on: path) {
            var refused = false
            try SystemCall.check("check the access to", path) { text in
                // The text lives for the call.
                let result = unsafe faccessat(AT_FDCWD, text, access.rawValue, AT_EACCESS)
                refused = result < 0 && [EACCES, EROFS, ETXTBSY].contains(errno)
                return refused ? 0 : result
            }
            return !refused
        }
    }

    /// Gives what has a path to another user or group: see chown(2).
    ///
    /// - Parameters:
    ///   - user: nil leaves the user.
    ///   - group: nil leaves the group.
    ///   - path: what is given.
    ///   - followingLink: whether a symbolic link stands for what it leads to, or for itself.
    public func setOwner(
        user: UserID? = nil, group: GroupID? = nil, of path: FilePath, followingLink: Bool = true
    ) async throws {
        try await perform("set the owner of", on: path) {
            _ = try SystemCall.check("set the owner of", path) {
                // The text lives for the call. All ones: as it is.
                unsafe fchownat(
                    AT_FDCWD, $0, user?.rawValue ?? .max, group?.rawValue ?? .max,
                    followingLink ? 0 : AT_SYMLINK_NOFOLLOW)
            }
        }
    }

    /// Sets when what has a path was last read and written: see utimensat(2).
    ///
    /// - Parameters:
    ///   - access: since 1970-01-01 UTC, as `Stat` has it; nil leaves it.
    ///   - modification: the same.
    ///   - path: what they are set of.
    ///   - followingLink: whether a symbolic link stands for what it leads to, or for itself.
    public func setTimes(
        access: timespec? = nil, modification: timespec? = nil, of path: FilePath,
        followingLink: Bool = true
    ) async throws {
        try await perform("set the times of", on: path) {
            let times = [access ?? Self.unchangedTime, modification ?? Self.unchangedTime]
            _ = try SystemCall.check("set the times of", path) {
                // Both live for the call.
                unsafe utimensat(AT_FDCWD, $0, times, followingLink ? 0 : AT_SYMLINK_NOFOLLOW)
            }
        }
    }

    /// UTIME_OMIT, which Swift's Glibc module leaves out.
    private static let unchangedTime = timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2)

    /// The absolute path of what has a path, without symbolic links, `.` and `..`: see realpath(3).
    public func canonicalPath(of path: FilePath) async throws -> FilePath {
        try await perform("resolve", on: path) {
            var found: FilePath?
            try SystemCall.check("resolve", path) { text in
                // It looks at one part after the other, and would say what is wrong with the first.
                guard path.length < Int(PATH_MAX) else {
                    errno = ENAMETOOLONG
                    return -1
                }
                // The text lives for the call, and what comes back is ours to free.
                guard let resolved = unsafe realpath(text, nil) else { return -1 }
                found = unsafe FilePath(platformString: resolved)
                unsafe free(resolved)
                return 0
            }
            return found!
        }
    }

    /// The space of a file system, in bytes.
    public struct Space: Sendable, Hashable {
        /// All of it.
        public let total: UInt64
        /// What is free.
        public let free: UInt64
        /// What is free for who is not root.
        public let available: UInt64
    }

    /// The space of the file system that something lies in: see statvfs(3).
    public func space(at path: FilePath) async throws -> Space {
        try await perform("get the space at", on: path) {
            var found = statvfs()
            try SystemCall.check("get the space at", path) {
                // The system fills it during the call.
                unsafe statvfs($0, &found)
            }
            let unit = UInt64(found.f_frsize)
            return Space(
                total: UInt64(found.f_blocks) * unit, free: UInt64(found.f_bfree) * unit,
                available: UInt64(found.f_bavail) * unit)
        }
    }
}
