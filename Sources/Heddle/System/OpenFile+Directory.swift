internal import Glibc
internal import SystemPackage

/// Folders, by their descriptors: for threads of the pool.
// Unsafe: names and entries lie in buffers of ours, and are read within the length the system gave.
extension OpenFile {
    /// The bytes of entries one call asks for: some hundreds of them.
    private static let batchBytes = 32 * 1024
    /// Flags that open a folder and nothing else.
    static let directoryFlags = O_RDONLY | O_DIRECTORY

    /// A name in a folder, as the bytes it is with a NUL behind them, and its kind; nil where the file system
    /// does not say.
    struct Name {
        let text: [CChar]
        let type: FileType?
    }

    /// The path of what has a name in this folder.
    func path(of name: Name) -> FilePath {
        // Joined before it becomes a path: appending to one costs much more.
        let folder = unsafe path.withPlatformString {
            unsafe Array(UnsafeBufferPointer(start: $0, count: path.length))
        }
        return FilePath(platformString: folder + [0x2F] + name.text)
    }

    /// The next names, from where the last call ended, in the file system's order; none at the end.
    func nextNames() throws(IOError) -> [Name] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.batchBytes, alignment: 8)
        defer { unsafe buffer.deallocate() }
        while true {
            let count = try SystemCall.check("list", on: path) {
                unsafe LinuxCalls.directoryEntries(of: descriptor, into: buffer)
            }
            guard count > 0 else { return [] }
            let names = unsafe Self.names(in: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            // A batch may be nothing but "." and "..".
            if !names.isEmpty { return names }
        }
    }

    /// Entries as getdents64(2) lays them out: inode, position, length, kind, name.
    private static func names(in entries: UnsafeRawBufferPointer) -> [Name] {
        var names: [Name] = []
        var start = 0
        while start < entries.count {
            let length = unsafe Int(
                entries.loadUnaligned(fromByteOffset: start + 16, as: UInt16.self))
            let kind = unsafe entries[start + 18]
            let text = unsafe entries[(start + 19)..<(start + length)].prefix { $0 != 0 }
            start += length
            let name = unsafe text.map { CChar(bitPattern: $0) } + [0]
            // "." and ".." are not names of what lies in the folder.
            guard name != [0x2E, 0], name != [0x2E, 0x2E, 0] else { continue }
            names.append(Name(text: name, type: type(ofEntry: kind)))
        }
        return names
    }

    /// The kind an entry has (`DT_DIR` and so on); it is the upper bits of a mode.
    private static func type(ofEntry kind: UInt8) -> FileType? {
        kind == 0 ? nil : FileType(rawValue: CInterop.Mode(kind) << 12)
    }

    /// The next entries of the folder; empty at the end. What vanishes meanwhile is left out.
    func nextEntries(depth: Int) throws(IOError) -> [DirectoryEntry] {
        while true {
            let names = try nextNames()
            if names.isEmpty { return [] }
            let entries = names.compactMap { name -> DirectoryEntry? in
                guard let type = name.type ?? typeOfEntry(name) else { return nil }
                return DirectoryEntry(path: path(of: name), type: type, depth: depth)
            }
            if !entries.isEmpty { return entries }
        }
    }

    /// The kind of what has a name in this folder; nil if nothing has any more.
    private func typeOfEntry(_ name: Name) -> FileType? {
        var buffer = Glibc.stat()
        let result = unsafe fstatat(descriptor, name.text, &buffer, AT_SYMLINK_NOFOLLOW)
        return result == 0 ? Stat(rawValue: buffer).type : nil
    }

    // MARK: Removing

    /// Folders within folders that a removal goes down.
    static let maximumDepth = 128

    /// Removes what lies in this folder, at most `budget` things of it.
    ///
    /// - Returns: whether it is empty; if not, the budget is used up.
    func removeContents(budget: inout Int, depth: Int = 0) throws(IOError) -> Bool {
        guard depth < Self.maximumDepth else {
            throw IOError(
                .limitExceeded, "remove", on: path.string,
                reason: "more than \(Self.maximumDepth) folders deep")
        }
        while true {
            let names = try nextNames()
            if names.isEmpty { return true }
            for name in names {
                guard budget > 0 else { return false }
                guard try remove(name, budget: &budget, depth: depth) else { return false }
            }
            // What was removed moves what is left: from the start again.
            try SystemCall.check("list", on: path) { lseek(descriptor, 0, SEEK_SET) }
        }
    }

    private func remove(
        _ name: Name, budget: inout Int, depth: Int
    ) throws(IOError) -> Bool {
        if name.type ?? typeOfEntry(name) == .directory {
            let flags = Self.directoryFlags | O_NOFOLLOW | O_CLOEXEC
            let opened = unsafe openat(descriptor, name.text, flags)
            guard opened >= 0 else {
                if errno == ENOENT { return true }
                throw IOError(errno: errno, "remove", on: path(of: name).string)
            }
            let folder = OpenFile(descriptor: opened, path: path(of: name))
            defer { folder.close() }
            guard try folder.removeContents(budget: &budget, depth: depth + 1) else { return false }
            try unlink(name, AT_REMOVEDIR)
        } else {
            try unlink(name, 0)
        }
        budget -= 1
        return true
    }

    private func unlink(_ name: Name, _ flags: Int32) throws(IOError) {
        // Somebody else may have been faster.
        guard unsafe unlinkat(descriptor, name.text, flags) == 0 || errno == ENOENT else {
            throw IOError(errno: errno, "remove", on: path(of: name).string)
        }
    }
}
