internal import CLibuv
internal import Glibc

/// System calls on files that glibc declares for GNU programs alone. Each returns what the system does:
/// -1, with the reason in `errno`, on failure. They block.
// Unsafe: the system reads and writes what it is passed during the call only, within the length.
extension LinuxCalls {
    /// The flag of open(2) for a file without a name, in the folder that is opened.
    static let temporaryFileFlag: Int32 = 0o20000000 | O_DIRECTORY

    /// Directory entries as the kernel lays them out (getdents64(2)), from where the last call ended; 0 at
    /// the end.
    static func directoryEntries(
        of descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) -> Int {
        unsafe heddle_getdents64(descriptor, buffer.baseAddress, buffer.count)
    }

    /// Writes at the end of the file, wherever that is by then, in one step (pwritev2(2), `RWF_APPEND`).
    static func append(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int {
        unsafe heddle_append(descriptor, bytes.baseAddress, bytes.count)
    }

    /// Copies between two files inside the kernel, at the position of each (copy_file_range(2)).
    static func copyRange(from source: Int32, to target: Int32, count: Int) -> Int {
        heddle_copy_file_range(source, target, count)
    }

    /// Sends bytes of a file from an offset on, inside the kernel (sendfile(2)); 0 at the end of the file.
    static func send(_ file: Int32, from offset: Int64, count: Int, to target: Int32) -> Int {
        heddle_sendfile(target, file, offset, count)
    }

    /// The kind of file system that a path lies in, as statfs(2) numbers them; -1 on failure.
    static func fileSystemType(of path: UnsafePointer<CChar>) -> Int64 {
        unsafe heddle_file_system_type(path)
    }

    /// File systems where others change files unseen by inotify(7): NFS, SMB (three numbers), FUSE, 9p, AFS, Ceph,
    /// proc, sysfs.
    static let fileSystemsWithoutEvents: Set<Int64> = [
        0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x6573_5546, 0x0102_1997, 0x5346_414F,
        0x00C3_6400, 0x9FA0, 0x6265_6572,
    ]

    /// Renames only if nothing has the new name yet (renameat2(2), `RENAME_NOREPLACE`).
    static func renameWithoutReplacing(
        _ old: UnsafePointer<CChar>, to new: UnsafePointer<CChar>
    ) -> Int32 {
        unsafe heddle_rename_noreplace(old, new)
    }

    /// Makes a pipe, whose ends are non-blocking and closed on exec from their first moment (pipe2(2)).
    static func makePipe(_ ends: UnsafeMutablePointer<Int32>) -> Int32 {
        unsafe heddle_pipe(ends)
    }

    /// Whether a descriptor is the outer side of a pseudo-terminal, which opened anew would be another one.
    static func isOuterTerminal(_ descriptor: Int32) -> Bool {
        heddle_is_outer_terminal(descriptor) == 1
    }

    /// The columns and rows of a terminal; nil if the descriptor is none, with the reason in `errno`.
    static func terminalSize(_ descriptor: Int32) -> (columns: Int, rows: Int)? {
        var size = winsize()
        guard unsafe heddle_terminal_size(descriptor, &size) == 0 else { return nil }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    enum ByteLock {
        case none, shared, exclusive
    }

    /// Sets the lock that an open file has on one byte, which belongs to its description (F_OFD_SETLK of fcntl(2)).
    ///
    /// - Returns: whether it has that lock now.
    static func setLock(_ lock: ByteLock, of file: Int32, at place: Int, waits: Bool = false)
        -> Bool
    {
        let kind =
            switch lock {
            case .none: F_UNLCK
            case .shared: F_RDLCK
            case .exclusive: F_WRLCK
            }
        while heddle_lock_byte(file, Int32(kind), off_t(place), waits ? 1 : 0) != 0 {
            if errno != EINTR { return false }
        }
        return true
    }
}
