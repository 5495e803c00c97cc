internal import Glibc
internal import SystemPackage

/// An open descriptor with its path, and the calls that block on it: for threads of the pool. Whoever holds
/// it sees to it that the descriptor stays open meanwhile.
// Unsafe: the system reads and writes what it is passed during the call only, within the length.
struct OpenFile: Sendable {
    let descriptor: Int32
    let path: FilePath
    /// Whether the system writes at the end, whatever the offset.
    let isAppending: Bool

    /// Opens `path`. What is opened is never waited for: what could make its reader or writer wait for
    /// somebody else, a pipe or a terminal, is refused.
    init(_ path: FilePath, flags: Int32, permissions: FilePermissions) throws(IOError) {
        let descriptor = try SystemCall.check("open", path) {
            unsafe Glibc.open($0, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, permissions.rawValue)
        }
        self.init(descriptor: descriptor, path: path, isAppending: flags & O_APPEND != 0)
        do throws(IOError) {
            switch try status().type {
            case .regular, .directory, .blockSpecial: return
            case .characterSpecial where isatty(descriptor) == 0: return
            default:
                throw IOError(
                    .wrongFileType, "open", on: path.string,
                    reason: "neither a file nor a folder nor a disk or memory device")
            }
        } catch {
            close()
            throw error
        }
    }

    init(descriptor: Int32, path: FilePath, isAppending: Bool = false) {
        self.descriptor = descriptor
        self.path = path
        self.isAppending = isAppending
    }

    // MARK: Bytes

    /// Up to `count` bytes from `offset` on, or from the file's position; fewer only at the end of the file.
    func read(upTo count: Int, at offset: Int64?) throws(IOError) -> Bytes {
        guard count > 0 else { return Bytes() }
        let slab = Slab.make(capacity: count)
        var filled = 0
        while filled < count {
            let room = unsafe UnsafeMutableRawBufferPointer(
                start: slab.base + filled, count: min(count - filled, SystemCall.maximumBytes))
            let got = try unsafe read(into: room, at: offset.map { $0 + Int64(filled) })
            if got == 0 { break }
            filled += got
        }
        let bytes = Bytes(slab: filled == 0 ? nil : slab, start: 0, count: filled)
        // A few bytes must not hold memory for many.
        return filled < count / 2 ? bytes.compacted() : bytes
    }

    /// One read.
    func read(into room: UnsafeMutableRawBufferPointer, at offset: Int64?) throws(IOError) -> Int {
        try SystemCall.check("read from", on: path) {
            if let offset {
                unsafe pread(descriptor, room.baseAddress, room.count, Int(offset))
            } else {
                unsafe Glibc.read(descriptor, room.baseAddress, room.count)
            }
        }
    }

    /// All of `bytes`, to `offset` on; what one call leaves, the next ones write.
    func write(_ bytes: Bytes, at offset: Int64) throws(IOError) {
        try unsafe bytes.withUnsafeBytes { (all) throws(IOError) in
            try unsafe write(all) { (rest, done) in
                unsafe pwrite(descriptor, rest.baseAddress, rest.count, Int(offset) + done)
            }
        }
    }

    /// All of `bytes`, to the end of the file.
    func append(_ bytes: Bytes) throws(IOError) {
        try unsafe bytes.withUnsafeBytes { (all) throws(IOError) in
            try unsafe write(all) { rest, _ in unsafe appendSome(of: rest) }
        }
    }

    private func appendSome(of bytes: UnsafeRawBufferPointer) -> Int {
        if !isAppending {
            let count = unsafe LinuxCalls.append(bytes, to: descriptor)
            // Devices, and some file systems, know no such write.
            guard count < 0, errno == EOPNOTSUPP else { return count }
            if lseek(descriptor, 0, SEEK_END) < 0, errno != ESPIPE { return -1 }
        }
        return unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    }

    /// All of `bytes`, by calls that say how many they took.
    func write(
        _ bytes: UnsafeRawBufferPointer, by call: (UnsafeRawBufferPointer, _ done: Int) -> Int
    ) throws(IOError) {
        var done = 0
        while done < bytes.count {
            let count = min(bytes.count - done, SystemCall.maximumBytes)
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done..<(done + count)])
            done += try SystemCall.check("write to", on: path) { unsafe call(rest, done) }
        }
    }

    // MARK: The rest

    func status() throws(IOError) -> Stat {
        var buffer = Glibc.stat()
        try SystemCall.check("get the status of", on: path) { unsafe fstat(descriptor, &buffer) }
        return Stat(rawValue: buffer)
    }

    func truncate(to count: Int64) throws(IOError) {
        try SystemCall.check("truncate", on: path) { ftruncate(descriptor, Int(count)) }
    }

    func synchronize(metadata: Bool) throws(IOError) {
        try SystemCall.check("synchronize", on: path) {
            metadata ? fsync(descriptor) : fdatasync(descriptor)
        }
    }

    func setPermissions(_ permissions: FilePermissions) throws(IOError) {
        try SystemCall.check("set the permissions of", on: path) {
            fchmod(descriptor, permissions.rawValue)
        }
    }

    /// Closes the descriptor, whatever this says; an error is one of writes that the system had put off.
    @discardableResult
    func close() -> IOError? {
        // Not again after a signal: on Linux the descriptor is gone by then.
        guard Glibc.close(descriptor) != 0, errno != EINTR else { return nil }
        return IOError(errno: errno, "close", on: path.string)
    }
}
