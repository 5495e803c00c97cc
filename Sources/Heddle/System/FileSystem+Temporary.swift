internal import Glibc
public import SystemPackage

/// Files and folders that go away by themselves.
extension FileSystem {
    /// Where temporary files lie unless said otherwise: what the environment variable `TMPDIR` says, or `/tmp`.
    public static var temporaryDirectory: FilePath {
        // The text is copied at once.
        guard let text = unsafe getenv("TMPDIR"), unsafe text[0] != 0 else { return "/tmp" }
        return unsafe FilePath(platformString: text)
    }

    /// A name that nothing else has, for a file that is to lie in a folder with others.
    static func temporaryName() -> FilePath.Component {
        let number = String(UInt64.random(in: .min ... .max), radix: 16)
        // Letters, digits and a dot: a name.
        return FilePath.Component(".heddle-\(number)") ?? "."
    }

    /// Opens a new file, for reading and writing, that has no name and is gone when it is closed, or when the
    /// process ends in whatever way.
    ///
    /// - Parameter folder: the folder whose file system it lies in; nil for ``temporaryDirectory``.
    public func openTemporaryFile(in folder: FilePath? = nil) async throws -> File {
        let folder = folder ?? Self.temporaryDirectory
        return try await openFile(folder) { try Self.openNameless(in: folder) }
    }

    private static func openNameless(in folder: FilePath) throws -> OpenFile {
        let flags = O_RDWR | LinuxCalls.temporaryFileFlag
        do {
            return try OpenFile(folder, flags: flags, permissions: [.ownerReadWrite])
        } catch {
            // Where the file system has none without a name, one that loses it at once.
            guard ["EOPNOTSUPP", "EISDIR"].contains(error.systemName) else { throw error }
            let file = try NewFile(for: folder.appending("file")).open
            try? remove(file.path)
            return file
        }
    }

    /// Makes a folder for `body`, which nobody else may enter, and removes it with all that is in it when `body`
    /// has ended, failed or been cancelled. Removal goes on also if the task is cancelled, and in the end of the loop;
    /// as ``removeTree(_:)``, it takes with it what cancelled work of `body` puts into the folder meanwhile.
    ///
    /// - Parameters:
    ///   - folder: where to make it; nil for ``temporaryDirectory``.
    ///   - body: gets the new folder's path.
    /// - Throws: what `body` throws; as ``FileSystem``.
    @discardableResult
    public func withTemporaryDirectory<T: Sendable>(
        in folder: FilePath? = nil, _ body: (FilePath) async throws -> T
    ) async throws -> T {
        let folder = folder ?? Self.temporaryDirectory
        // With a name behind it, it would be one in the working folder.
        try folder.checkIsUsable(for: "create a folder in")
        let path = folder.appending(Self.temporaryName())
        try await makePrivateDirectory(path)
        let outcome: Result<T, any Error>
        do {
            outcome = .success(try await body(path))
        } catch {
            outcome = .failure(error)
        }
        let removal = LastRemoval(of: path)
        while !removal.isOver { await performAlways { removal.step() } }
        if case .success = outcome, let error = removal.error { throw error }
        return try outcome.get()
    }

    /// Makes a folder; one that is made for a caller who has gone is removed again.
    private func makePrivateDirectory(_ path: FilePath) async throws {
        guard loop.isCurrent else {
            return try await loop.hop { try await self.makePrivateDirectory(path) }
        }
        let pool = loop.poolShare
        try await pool.perform(
            "create the folder", on: path.string,
            discard: { _ in pool.release({ try? Self.remove(path) }, ended: {}) }
        ) {
            _ = try SystemCall.check("create the folder", path) { unsafe mkdir($0, 0o700) }
        }
    }

    /// A removal that goes on whatever happens, step by step.
    // Sendable: used by one step at a time, each of which has ended when the next begins.
    private final class LastRemoval: @unchecked Sendable {
        private let removal: TreeRemoval
        private(set) var isOver = false
        private(set) var error: (any Error)?

        init(of path: FilePath) {
            removal = TreeRemoval(of: path)
        }

        /// On a thread of the pool.
        func step() {
            do {
                isOver = try removal.step()
            } catch {
                isOver = true
                // Somebody else may have removed it.
                if (error as? IOError)?.code != .notFound { self.error = error }
            }
        }
    }
}
