public import SystemPackage

/// A watch on files and folders, whose events come in as a sequence.
///
/// A watcher belongs to one loop; its methods may be called from any task on any thread. What happens before
/// somebody asks is kept, up to 4,096 events, and then becomes one ``FileEvent/overflow``. Of several
/// tasks that iterate, each gets some of the events. Start it before you look at what there is, and no change is missed in between.
///
/// Dropping the last reference ends the watch, and so do ``close()`` and the end of its loop.
public final class FileWatcher: AsyncSequence, Sendable {
    /// What happened.
    public typealias Element = FileEvent
    let core: WatchCore

    init(core: WatchCore) {
        self.core = core
    }

    deinit {
        core.loop.drop(core)
    }

    /// The next event, from those that came since the watch began and were not taken.
    ///
    /// - Returns: nil when the task is cancelled, the watch is closed, or its loop stops.
    public func next() async -> FileEvent? {
        await core.next()
    }

    /// Ends the watch; returns when it holds nothing of the system's any more. Again does nothing.
    public func close() async {
        await core.closeAndWait()
    }

    /// An iteration goes on where the last one ended.
    public func makeAsyncIterator() -> Iterator {
        Iterator(watcher: self)
    }

    /// Takes events from the watcher.
    public struct Iterator: AsyncIteratorProtocol {
        let watcher: FileWatcher

        /// As ``FileWatcher/next()``.
        public func next() async -> FileEvent? {
            await watcher.next()
        }
    }
}

extension FileSystem {
    /// Begins to watch files and folders.
    ///
    /// A folder tells of what lies right in it, with ``WatchOptions/isRecursive`` also of what lies in the folders
    /// within, and of its own removal. A file is
    /// known by its path: it may be missing yet, and may be replaced or removed and made again. A file that is renamed over
    /// another in a folder that is watched is ``FileEvent/created(_:)``, over one that is watched itself
    /// ``FileEvent/changed(_:)``.
    ///
    /// - Parameters:
    ///   - paths: events name what happened by these paths, with the name behind a folder's.
    ///   - options: where the events come from, and whether they are debounced.
    /// - Throws: as ``FileSystem``: ``IOError/Code/notFound`` if the folder a file would lie in is missing;
    ///   ``IOError/Code/resourcesExhausted`` when the user's limit of watchers is reached: see inotify(7);
    ///   ``IOError/Code/limitExceeded`` for more folders than ``WatchOptions/maximumFolders``, and more than 10,000
    ///   files to look at again and again.
    public func watch(
        _ paths: [FilePath], options: WatchOptions = WatchOptions()
    ) async throws -> FileWatcher {
        try options.validate()
        guard loop.isCurrent else {
            return try await loop.hop { try await self.watch(paths, options: options) }
        }
        let pool = loop.poolShare
        let beginning = try await pool.perform(
            "watch", on: paths.first?.string,
            discard: { begun in pool.release({ begun.discard() }, ended: {}) }
        ) { try WatchBeginning(paths, options: options) }
        return FileWatcher(core: try WatchCore(beginning, options: options, on: loop))
    }

    /// Begins to watch one file or folder; as ``watch(_:options:)-([FilePath],_)``.
    public func watch(
        _ path: FilePath, options: WatchOptions = WatchOptions()
    ) async throws -> FileWatcher {
        try await watch([path], options: options)
    }
}
