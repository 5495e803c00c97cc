internal import SystemPackage

/// What lies in a folder and in the folders within it. Made by ``FileSystem/walk(_:descends:)``.
public struct DirectoryWalk: AsyncSequence, Sendable {
    /// A file, folder or other thing.
    public typealias Element = DirectoryEntry
    let files: FileSystem
    let path: FilePath
    let descends: @Sendable (DirectoryEntry) -> Bool

    /// Begins a walk; nothing is opened before its first ``Iterator/next()``.
    public func makeAsyncIterator() -> Iterator {
        Iterator(walk: self)
    }

    /// One walk: the folders from where it began down to where it is are open meanwhile.
    public struct Iterator: AsyncIteratorProtocol {
        private let walk: DirectoryWalk
        private var levels: [DirectoryEntries.Iterator]

        init(walk: DirectoryWalk) {
            self.walk = walk
            levels = [Self.level(walk.path, depth: 0, of: walk)]
        }

        /// The next entry; nil at the end. A walk that threw is over. A folder that vanishes before the walk
        /// comes to it is passed over.
        ///
        /// - Throws: as ``FileSystem``; ``IOError/Code/limitExceeded`` for folders more than
        ///   ``FileSystem/maximumDepth`` deep.
        public mutating func next() async throws -> DirectoryEntry? {
            var open = levels
            // Over, unless an entry comes.
            levels = []
            while var level = open.popLast() {
                guard let entry = try await entry(of: &level) else { continue }
                open.append(level)
                if entry.type == .directory, walk.descends(entry) {
                    try checkDepth(of: entry)
                    open.append(Self.level(entry.path, depth: entry.depth + 1, of: walk))
                }
                levels = open
                return entry
            }
            return nil
        }

        private func entry(
            of level: inout DirectoryEntries.Iterator
        ) async throws -> DirectoryEntry? {
            do {
                return try await level.next()
            } catch let error as IOError where error.code == .notFound && level.depth > 0 {
                return nil
            }
        }

        private func checkDepth(of entry: DirectoryEntry) throws {
            guard entry.depth + 1 >= FileSystem.maximumDepth else { return }
            throw IOError(
                .limitExceeded, "list", on: entry.path.string,
                reason: "more than \(FileSystem.maximumDepth) folders deep")
        }

        private static func level(
            _ path: FilePath, depth: Int, of walk: DirectoryWalk
        ) -> DirectoryEntries.Iterator {
            DirectoryEntries(files: walk.files, path: path, depth: depth).makeAsyncIterator()
        }
    }
}
