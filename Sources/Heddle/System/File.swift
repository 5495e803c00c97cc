public import SystemPackage

/// An open file, or folder or device, read and written at offsets.
///
/// A file belongs to one loop; its methods may be called from any task on any thread. They run on libuv's
/// worker pool, which all runtimes of the process share (four threads, unless the environment variable
/// `UV_THREADPOOL_SIZE` says otherwise), so that no loop ever waits for a disk. Each loop has a bounded
/// number of operations in the pool; further callers wait their turn.
///
/// Any number of operations may be under way on one file, and are ordered by nothing but their awaits.
/// Cancelling one that waits for a thread takes it back. One that has begun cannot be broken off: its caller
/// goes on at once with a `CancellationError`, and a write may or may not have taken place.
///
/// Dropping the last reference closes the file once nothing is under way on it, and so does the end of its
/// loop. Errors are then lost: call ``close()`` to hear of them. Every operation throws ``IOError`` that names
/// the path: ``IOError/Code/closed`` after a close, ``IOError/Code/loopStopped`` when the loop has ended.
public final class File: Sendable {
    let core: FileCore

    init(core: FileCore) {
        self.core = core
    }

    deinit {
        core.loop.drop(core)
    }

    /// Opens the file at `path`.
    ///
    /// - Parameters:
    ///   - path: where it is, relative to the process's working folder unless it begins with a slash.
    ///   - options: what for, and what happens if it exists or is missing.
    ///   - loop: the loop the file will belong to.
    /// - Throws: ``IOError`` that names the path, with ``IOError/Code/notFound``, ``IOError/Code/alreadyExists``,
    ///   ``IOError/Code/permissionDenied``, ``IOError/Code/resourcesExhausted``; ``IOError/Code/wrongFileType`` for a
    ///   folder that is to be written, and for pipes, sockets and terminals, which would keep a thread waiting;
    ///   ``IOError/Code/invalidArgument`` for a path that is empty, too long, or has a NUL; `CancellationError`.
    ///   No descriptor is left open then.
    public static func open(
        _ path: FilePath, _ options: FileOptions = .reading, on loop: EventLoop
    ) async throws -> File {
        try options.validate(for: path)
        return try await FileSystem(loop: loop.core).openFile(path) {
            try OpenFile(path, flags: options.flags, permissions: options.permissions)
        }
    }

    /// The path it was opened by; nothing tells when it is renamed.
    public var path: FilePath { core.file.path }

    // MARK: Bytes

    /// The bytes from `offset` on, `count` of them, or fewer at the end of the file.
    ///
    /// - Parameters:
    ///   - count: most bytes to read, up to 1 GiB; they are held in memory.
    ///   - offset: in bytes from the start of the file.
    /// - Returns: nil at the end of the file, and beyond it.
    public func read(upTo count: Int, at offset: Int64 = 0) async throws -> Bytes? {
        try check(count, offset, "read from")
        let bytes = try await core.perform("read from") { try $0.read(upTo: count, at: offset) }
        return bytes.isEmpty && count > 0 ? nil : bytes
    }

    /// Writes all of `bytes` at `offset`, over what is there. A gap before them reads as zeros.
    ///
    /// - Throws: ``IOError/Code/outOfSpace``, for example; some of the bytes may be written then.
    ///   ``IOError/Code/invalidArgument`` if the file was opened for appending.
    public func write(_ bytes: Bytes, at offset: Int64) async throws {
        try check(0, offset, "write to")
        try await core.perform("write to") { file in
            // The system would write at the end: see "BUGS" in pwrite(2).
            guard !file.isAppending else {
                throw IOError(
                    .invalidArgument, "write to", on: file.path.string,
                    reason: "it was opened for appending, and has no offsets")
            }
            try file.write(bytes, at: offset)
        }
    }

    /// Writes the UTF-8 bytes of `string`; as ``write(_:at:)-(Bytes,_)``.
    public func write(_ string: String, at offset: Int64) async throws {
        try await write(Bytes(string), at: offset)
    }

    /// Writes all of `bytes` at the end of the file, wherever that is by then: what others append at the same
    /// time comes before or behind, not in between, as far as the system takes the bytes in one piece.
    public func append(_ bytes: Bytes) async throws {
        try await core.perform("write to") { try $0.append(bytes) }
    }

    /// Appends the UTF-8 bytes of `string`; as ``append(_:)-(Bytes)``.
    public func append(_ string: String) async throws {
        try await append(Bytes(string))
    }

    private func check(_ count: Int, _ offset: Int64, _ operation: String) throws {
        guard count >= 0, count <= Self.maximumRead, offset >= 0, offset <= .max - 1 << 31 else {
            throw IOError(
                .invalidArgument, operation, on: path.string,
                reason: "\(count) bytes at \(offset) are not within bounds")
        }
    }

    /// The most bytes one read may ask for.
    static let maximumRead = 1 << 30

    // MARK: The rest

    /// Makes the file `count` bytes long: cuts what is behind, or adds zeros.
    public func truncate(to count: Int64) async throws {
        try check(0, count, "truncate")
        try await core.perform("truncate") { try $0.truncate(to: count) }
    }

    /// Waits until everything written is on the disk: see fsync(2).
    ///
    /// - Parameter metadata: also what reading the bytes does not need, such as the time of the change.
    public func synchronize(metadata: Bool = true) async throws {
        try await core.perform("synchronize") { try $0.synchronize(metadata: metadata) }
    }

    /// The file's kind, size, owner, permissions and times: see stat(2).
    public func status() async throws -> Stat {
        try await core.perform("get the status of") { try $0.status() }
    }

    /// Sets who may do what: see chmod(2).
    public func setPermissions(_ permissions: FilePermissions) async throws {
        try await core.perform("set the permissions of") { try $0.setPermissions(permissions) }
    }

    /// Closes the file, once what is under way on it is over. Again does nothing; what is called later gets
    /// ``IOError/Code/closed``.
    ///
    /// - Throws: what the system had to tell of earlier writes; the file is closed all the same.
    ///   `CancellationError` if cancelled; the close then goes on.
    public func close() async throws {
        try await core.closeAndWait()
    }
}

extension File: CustomStringConvertible {
    /// `File(` and its path `)`.
    public var description: String { "File(\(path))" }
}
