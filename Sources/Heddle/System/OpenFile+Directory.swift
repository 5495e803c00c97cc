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
                guard let type = type(of: name) else { return nil }
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

    /// The kind of what has a name in this folder, asked for where its entry does not tell.
    func type(of name: Name) -> FileType? { name.type ?? typeOfEntry(name) }

    /// Opens a folder in this one; nil if it has vanished.
    func openDirectory(_ name: Name) throws(IOError) -> OpenFile? {
        let flags = Self.directoryFlags | O_NOFOLLOW | O_CLOEXEC
        let opened = unsafe openat(descriptor, name.text, flags)
        if opened >= 0 { return OpenFile(descriptor: opened, path: path(of: name)) }
        if errno == ENOENT { return nil }
        throw IOError(errno: errno, "remove", on: path(of: name).string)
    }

    /// Takes a name away: see unlinkat(2).
    func unlink(_ name: Name, _ flags: Int32 = 0) throws(IOError) {
        // Somebody else may have been faster.
        guard unsafe unlinkat(descriptor, name.text, flags) == 0 || errno == ENOENT else {
            throw IOError(errno: errno, "remove", on: path(of: name).string)
        }
    }
}
