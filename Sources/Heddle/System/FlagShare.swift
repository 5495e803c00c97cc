internal import Glibc

/// One of the streams of this process that change the flags of one socket, of which the last to close puts them back.
/// Owned by whoever puts them back.
///
/// O_NONBLOCK belongs to the open file description, for which descriptors 0 and 1 of a program that inetd(8) or socat(1) has
/// started are two names. Who uses it is counted by the system, so nothing of it is kept here: each has a shared lock
/// on a file of the process, on the byte of the socket's inode number, and whoever gets that byte alone is the
/// only one. A socket's inode has one description; a named pipe's may have many, which are left to themselves.
struct FlagShare {
    /// A byte that no inode has: whoever comes or goes has it for a moment, alone.
    private static let turn = Int.max - 1

    private let file: Int32
    private let place: Int
    /// The flags that the socket had before any of them.
    let flags: Int32

    /// nil if `descriptor` is no socket, or the system has no file or lock for it.
    init?(of descriptor: Int32) {
        var status = stat()
        // The system writes into the local during the call only.
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK
        else { return nil }
        place = Int(truncatingIfNeeded: status.st_ino & UInt(Int.max))
        file = unsafe Glibc.open("/proc/self/comm", O_RDWR | O_CLOEXEC)
        guard file >= 0 else { return nil }
        guard LinuxCalls.setLock(.exclusive, of: file, at: Self.turn, waits: true) else {
            Glibc.close(file)
            return nil
        }
        let isFirst = LinuxCalls.setLock(.exclusive, of: file, at: place)
        let now = fcntl(descriptor, F_GETFL)
        // The others have it not waiting.
        flags = isFirst ? now : now & ~O_NONBLOCK
        _ = LinuxCalls.setLock(.shared, of: file, at: place)
        _ = LinuxCalls.setLock(.none, of: file, at: Self.turn)
    }

    /// Ends the use, and calls `putBack` if it was the last.
    func end(_ putBack: () -> Void) {
        _ = LinuxCalls.setLock(.exclusive, of: file, at: Self.turn, waits: true)
        // Given up first, for it is shared; nobody comes or goes meanwhile.
        _ = LinuxCalls.setLock(.none, of: file, at: place)
        if LinuxCalls.setLock(.exclusive, of: file, at: place) { putBack() }
        // A program that is being started may have the description for a moment more.
        _ = LinuxCalls.setLock(.none, of: file, at: place)
        _ = LinuxCalls.setLock(.none, of: file, at: Self.turn)
        Glibc.close(file)
    }
}
