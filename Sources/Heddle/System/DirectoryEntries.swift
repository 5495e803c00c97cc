internal import SystemPackage

/// What lies in a folder, one by one. Made by ``FileSystem/entries(of:)``.
public struct DirectoryEntries: AsyncSequence, Sendable {
    /// A file, folder or other thing.
    public typealias Element = DirectoryEntry
    let files: FileSystem
    let path: FilePath
    let depth: Int

    /// Begins a pass; nothing is opened before its first ``Iterator/next()``.
    public func makeAsyncIterator() -> Iterator {
        Iterator(files: files, path: path, depth: depth)
    }

    /// One pass over the folder, which is open meanwhile.
    public struct Iterator: AsyncIteratorProtocol {
        let files: FileSystem
        let path: FilePath
        let depth: Int
        private var folder: File?
        private var batch: [DirectoryEntry] = []
        private var nextInBatch = 0
        private var isOver = false

        init(files: FileSystem, path: FilePath, depth: Int) {
            self.files = files
            self.path = path
            self.depth = depth
        }

        /// The next entry; nil at the end. A pass that threw is over.
        ///
        /// - Throws: as ``FileSystem``; ``IOError/Code/wrongFileType`` if the path is no folder.
        public mutating func next() async throws -> DirectoryEntry? {
            if nextInBatch == batch.count, !isOver {
                // Over, unless the batch comes.
                isOver = true
                batch = try await nextBatch()
                nextInBatch = 0
                isOver = batch.isEmpty
                if isOver { folder = nil }
            }
            guard nextInBatch < batch.count else { return nil }
            defer { nextInBatch += 1 }
            return batch[nextInBatch]
        }

        private mutating func nextBatch() async throws -> [DirectoryEntry] {
            let depth = depth
            let opened: File
            if let folder {
                opened = folder
            } else {
                let path = path
                opened = try await files.openFile(path) {
                    let flags = OpenFile.directoryFlags
                    return try OpenFile(path, flags: flags, permissions: [])
                }
                folder = opened
            }
            return try await opened.core.perform("list") { try $0.nextEntries(depth: depth) }
        }
    }
}
