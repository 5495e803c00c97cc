internal import Glibc
internal import SystemPackage

/// The path that a socket is bound to, told from others by its inode.
// Unsafe: the path lives for each call.
struct BoundPath: Sendable, Equatable {
    let path: FilePath
    private let device: UInt64
    private let inode: UInt64
    /// When the inode last changed, which tells it from a later one that has its number.
    private let changed: [Int]

    /// What lies at `path`, if that is a socket; else nil.
    init?(_ path: FilePath) {
        guard let found = Self.look(at: path), found.st_mode & S_IFMT == S_IFSOCK else {
            return nil
        }
        self.path = path
        device = UInt64(found.st_dev)
        inode = UInt64(found.st_ino)
        changed = [found.st_ctim.tv_sec, found.st_ctim.tv_nsec]
    }

    /// Whether anything has the path.
    static func isTaken(_ path: FilePath) -> Bool {
        look(at: path) != nil
    }

    private static func look(at path: FilePath) -> stat? {
        var found = stat()
        let status = unsafe path.withPlatformString { unsafe lstat($0, &found) }
        return status == 0 ? found : nil
    }

    /// Whether the same socket still has the path.
    var isThere: Bool {
        guard let found = Self.look(at: path) else { return false }
        return UInt64(found.st_dev) == device && UInt64(found.st_ino) == inode
            && found.st_mode & S_IFMT == S_IFSOCK
    }

    /// Removes the path, unless something else has it now.
    func remove() {
        guard isThere else { return }
        unsafe path.withPlatformString { _ = unsafe unlink($0) }
    }

    /// 0, or why the permissions could not be set. Follows no symbolic link.
    func set(_ permissions: FilePermissions) -> Int32 {
        guard Self.look(at: path)?.st_mode != S_IFSOCK | permissions.rawValue else { return 0 }
        return unsafe path.withPlatformString {
            unsafe fchmodat(AT_FDCWD, $0, permissions.rawValue, AT_SYMLINK_NOFOLLOW) == 0
                ? 0 : errno
        }
    }
}
