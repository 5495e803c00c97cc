internal import Glibc
public import SystemPackage

/// Copies of files.
extension FileSystem {
    /// Bytes that one step copies before it lets other work have the thread.
    private static let bytesPerStep = 8 << 20

    /// Copies a file's bytes and permissions; inside the kernel, and without moving any bytes, where the file
    /// system can (copy_file_range(2)).
    ///
    /// The copy takes its name at the end, so nobody sees half of it. A failed or cancelled copy leaves nothing,
    /// or, cancelled in its last moment, all of it; one cancelled in its first takes away a moment later what it began.
    ///
    /// - Parameters:
    ///   - source: a file; a symbolic link stands for what it leads to.
    ///   - target: the copy's path, not that of a folder to put it in.
    ///   - replacing: whether a file that has that path is replaced; if not, it is an error with
    ///     ``IOError/Code/alreadyExists``.
    /// - Returns: the number of bytes copied.
    @discardableResult
    public func copy(
        _ source: FilePath, to target: FilePath, replacing: Bool = false
    ) async throws -> Int64 {
        guard loop.isCurrent else {
            return try await loop.hop {
                try await self.copy(source, to: target, replacing: replacing)
            }
        }
        let from = try await openFile(source) { try Self.openForCopy(source) }
        if !replacing { try await checkIsFree(target) }
        let copy = try await openFile(target, undo: { NewFile(open: $0).discard() }) {
            try NewFile(for: target).open
        }
        let made = copy.path
        do {
            let count = try await copyBytes(from: from.core, to: copy.core)
            let permissions = try await from.status().permissions
            try await copy.setPermissions(permissions)
            try await copy.close()
            try await rename(made, to: target, replacing: replacing)
            return count
        } catch {
            // If the rename took place unseen, nothing has this path any more.
            await performAlways { try? Self.remove(made) }
            throw error
        }
    }

    private static func openForCopy(_ path: FilePath) throws -> OpenFile {
        let file = try OpenFile(path, flags: O_RDONLY, permissions: [])
        do {
            guard try file.status().type == .regular else {
                throw IOError(.wrongFileType, "copy", on: path.string, reason: "it is not a file")
            }
        } catch {
            file.close()
            throw error
        }
        return file
    }

    private func checkIsFree(_ path: FilePath) async throws {
        let isFree = try await perform("copy to", on: path) {
            try SystemCall.unlessMissing { try Self.status(of: path, followingLink: false) } == nil
        }
        guard !isFree else { return }
        throw IOError(
            .alreadyExists, "copy to", on: path.string, reason: "something has this path already")
    }

    /// Copies from the position of each file to the end of the first. On the loop.
    private func copyBytes(from: FileCore, to: FileCore) async throws -> Int64 {
        let source = from.file
        let target = to.file
        var total: Int64 = 0
        while true {
            let count = try await loop.poolShare.perform(
                "copy", on: source.path.string,
                begun: {
                    try from.operationBegins("copy")
                    do {
                        try to.operationBegins("copy")
                    } catch {
                        from.operationEnded()
                        throw error
                    }
                },
                ended: {
                    from.operationEnded()
                    to.operationEnded()
                }
            ) { try source.copy(upTo: Self.bytesPerStep, to: target) }
            if count == 0 { return total }
            total += Int64(count)
        }
    }
}

/// Copying and reading whole files: for threads of the pool.
extension OpenFile {
    private static let bufferBytes = 1 << 20

    /// Copies up to `count` bytes at the positions of both files; 0 at the end.
    func copy(upTo count: Int, to target: OpenFile) throws(IOError) -> Int {
        let copied = LinuxCalls.copyRange(
            from: descriptor, to: target.descriptor, count: count)
        if copied > 0 { return copied }
        // Some file systems cannot, across their borders or at all; others say 0 for files that are made as they are
        // read, as those in /proc. Reading finds out: at the end it gives 0 too.
        if copied < 0, ![EXDEV, EINVAL, ENOSYS, EOPNOTSUPP, EINTR].contains(errno) {
            throw IOError(errno: errno, "copy", on: "\(path) to \(target.path)")
        }
        let bytes = try read(upTo: Self.bufferBytes, at: nil)
        try unsafe bytes.withUnsafeBytes { (all) throws(IOError) in
            try unsafe target.write(all) { rest, _ in
                // Within the bytes just read.
                unsafe Glibc.write(target.descriptor, rest.baseAddress, rest.count)
            }
        }
        return bytes.count
    }

    /// Everything from the start to the end, which must come after `limit` bytes at most.
    func readAll(limit: Int) throws(IOError) -> Bytes {
        let expected = Int(clamping: try status().size)
        var pieces: [Bytes] = []
        var count = 0
        while true {
            // One byte more than the limit shows that the file is too long; files in /proc say they have none.
            let next = min(max(expected - count, Self.bufferBytes / 16) + 1, limit - count + 1)
            let piece = try read(upTo: next, at: Int64(count))
            count += piece.count
            guard count <= limit else {
                throw IOError(
                    .limitExceeded, "read", on: path.string, reason: "longer than \(limit) bytes")
            }
            if !piece.isEmpty { pieces.append(piece) }
            if piece.count < next { return Bytes(joining: pieces) }
        }
    }
}
