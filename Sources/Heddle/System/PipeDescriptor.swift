internal import Glibc

/// A descriptor that is to become a stream, and what is to be put back when that has closed. Used by one call on
/// its way from the user to the stream.
struct PipeDescriptor {
    let descriptor: Int32
    let name: String
    let directions: PipeCore.Directions
    let isTerminal: Bool
    /// Told when the stream has closed.
    let restorer: StreamOwner?

    init(
        descriptor: Int32, name: String, directions: PipeCore.Directions, isTerminal: Bool = false,
        restorer: DescriptorRestorer? = nil
    ) {
        self.descriptor = descriptor
        self.name = name
        self.directions = directions
        self.isTerminal = isTerminal
        self.restorer = restorer
    }

    /// The same stream of another descriptor, in one direction.
    func replacing(_ descriptor: Int32) -> PipeDescriptor {
        PipeDescriptor(
            descriptor: descriptor, name: name, directions: directions,
            restorer: restorer as? DescriptorRestorer)
    }

    /// There is no stream: gives back what was taken.
    func abandon() {
        Glibc.close(descriptor)
        (restorer as? DescriptorRestorer)?.putBack()
    }

    /// Makes what a stream needs of `number`, which stays the caller's to close.
    ///
    /// O_NONBLOCK belongs to the open file description, which other processes may have too: they would see their
    /// own reads and writes fail. So an anonymous pipe or a terminal is opened anew, by its entry in /proc; of what
    /// has no such thing (sockets, named pipes, whose writers may have gone already, the outer side of a
    /// pseudo-terminal) the flag is put back when the stream has closed, and the others that use it here.
    ///
    /// - Parameter wanted: nil for the directions it is open for.
    static func borrowing(
        _ number: Int32, name: String, wanted: PipeCore.Directions? = nil, lock: Int32? = nil
    ) throws(IOError) -> PipeDescriptor {
        let flags = fcntl(number, F_GETFL)
        guard flags >= 0, flags & ProcessSetup.placeholderFlag == 0 else {
            throw IOError(errno: EBADF, "open", on: name)
        }
        let directions = try directions(of: flags, wanted, name)
        try checkType(of: number, name)
        let isTerminal = isatty(number) == 1
        if let own = reopened(number, flags, directions) {
            return PipeDescriptor(
                descriptor: own, name: name, directions: directions, isTerminal: isTerminal,
                restorer: lock.map { DescriptorRestorer(lock: $0) })
        }
        let duplicate = fcntl(number, F_DUPFD_CLOEXEC, 0)
        guard duplicate >= 0 else { throw IOError(errno: errno, "open", on: name) }
        let keeper = fcntl(number, F_DUPFD_CLOEXEC, 0)
        guard keeper >= 0 else {
            let error = IOError(errno: errno, "open", on: name)
            Glibc.close(duplicate)
            throw error
        }
        let share = FlagShare(of: number)
        return PipeDescriptor(
            descriptor: duplicate, name: name, directions: directions, isTerminal: isTerminal,
            restorer: DescriptorRestorer(
                lock: lock, keeper: keeper, flags: share?.flags ?? flags, share: share))
    }

    private static func directions(
        of flags: Int32, _ wanted: PipeCore.Directions?, _ name: String
    ) throws(IOError) -> PipeCore.Directions {
        let access = flags & O_ACCMODE
        let open: PipeCore.Directions =
            access == O_RDONLY ? .reading : access == O_WRONLY ? .writing : [.reading, .writing]
        let directions = wanted ?? open
        guard directions.isSubset(of: open) else {
            let missing = open.contains(.reading) ? "writing" : "reading"
            throw IOError(
                .invalidArgument, "open", on: name, reason: "it is not open for \(missing)")
        }
        return directions
    }

    /// Folders are no streams; files and devices without readiness are somebody else's work.
    private static func checkType(of number: Int32, _ name: String) throws(IOError) {
        var status = stat()
        // The system writes into the local during the call only.
        guard unsafe fstat(number, &status) == 0 else {
            throw IOError(errno: errno, "open", on: name)
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            throw IOError(.wrongFileType, "open", on: name, reason: "it is a folder")
        case S_IFREG, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK:
            return
        default:
            // What the kernel makes for its own ends: eventfd(2), epoll(7).
            throw IOError(
                .wrongFileType, "open", on: name, reason: "it carries no stream of bytes")
        }
    }

    /// A description of one's own of what `number` leads to; nil if there is none to be had.
    private static func reopened(
        _ number: Int32, _ flags: Int32, _ directions: PipeCore.Directions
    ) -> Int32? {
        let entry = "/proc/self/fd/\(number)"
        guard isAnonymousPipe(entry) || isatty(number) == 1 && !LinuxCalls.isOuterTerminal(number)
        else { return nil }
        let access =
            directions == [.reading, .writing]
            ? O_RDWR : directions == .reading ? O_RDONLY : O_WRONLY
        let own = unsafe Glibc.open(
            entry, access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | flags & O_APPEND)
        return own >= 0 ? own : nil
    }

    private static func isAnonymousPipe(_ entry: String) -> Bool {
        let expected = "pipe:["
        // The system writes at most as many bytes as the buffer has, and as many as it says are read.
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            let count = unsafe readlink(entry, buffer.baseAddress!, buffer.count)
            guard count >= expected.utf8.count else { return false }
            return unsafe zip(buffer, expected.utf8).allSatisfy { UInt8(bitPattern: $0) == $1 }
        }
    }

    /// Whether epoll can wait for it: not for files and for most devices, which are always ready (epoll_ctl(2)).
    static func canWait(for number: Int32) -> Bool {
        var status = stat()
        // The system writes into the local during the call only.
        guard unsafe fstat(number, &status) == 0 else { return false }
        switch status.st_mode & S_IFMT {
        case S_IFIFO, S_IFSOCK: return true
        case S_IFCHR: return isatty(number) == 1
        default: return false
        }
    }
}
