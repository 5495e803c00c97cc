internal import Glibc
internal import SystemPackage

/// The file system as one loop sees it: what is done with paths. Get it from ``EventLoop/files``.
///
/// Everything here may be called from any task on any thread, and runs on libuv's worker pool as the
/// operations of ``File`` do: bounded, and cancellable in the same way. Each throws ``IOError`` that names the
/// path: ``IOError/Code/notFound``, ``IOError/Code/alreadyExists``, ``IOError/Code/wrongFileType``,
/// ``IOError/Code/permissionDenied``, ``IOError/Code/outOfSpace``, ``IOError/Code/invalidArgument`` for a path that is
/// empty, too long or has a NUL, and ``IOError/Code/loopStopped``; and `CancellationError`.
public struct FileSystem: Sendable {
    let loop: LoopCore

    /// Runs `body` on the pool.
    func perform<T: Sendable>(
        _ operation: String, on path: FilePath, _ body: @escaping @Sendable () throws -> T
    ) async throws -> T {
        guard loop.isCurrent else {
            return try await loop.hop { try await self.perform(operation, on: path, body) }
        }
        return try await loop.poolShare.perform(operation, on: path.string, body)
    }

    /// Runs `open` on the pool. For a file that is opened for nobody any more, `undo` runs there.
    func openFile(
        _ path: FilePath, undo: @escaping @Sendable (OpenFile) -> Void = { $0.close() },
        _ open: @escaping @Sendable () throws -> OpenFile
    ) async throws -> File {
        guard loop.isCurrent else {
            return try await loop.hop { try await self.openFile(path, undo: undo, open) }
        }
        let pool = loop.poolShare
        let file = try await pool.perform(
            "open", on: path.string, discard: { file in pool.release({ undo(file) }, ended: {}) },
            open)
        guard !loop.isRefusingWork else {
            // The loop ended meanwhile: it would not close the file any more.
            undo(file)
            throw loop.stoppedError("open", on: path.string)
        }
        return File(core: FileCore(file, on: loop))
    }

    /// Runs `body` to its end, also for a caller that is cancelled and on a loop that is ending: for what
    /// tidies up.
    func performAlways(_ body: @escaping @Sendable () -> Void) async {
        guard loop.isCurrent else {
            // Hopping throws only what its body does, and that throws nothing.
            try? await loop.hop { await self.performAlways(body) }
            return
        }
        let waiter = Waiter()
        loop.poolShare.release(body) { waiter.finish(.fired, on: loop) }
        while waiter.end == .pending { await loop.park(waiter) }
    }
}

extension EventLoop {
    /// The file system, whose operations this loop waits for.
    public nonisolated var files: FileSystem { FileSystem(loop: core) }
}
