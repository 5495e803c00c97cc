/// Reaching all loops of a runtime at once.
extension Runtime {
    /// Runs `body` on every loop, at the same time, and returns the results in the order of ``loops``.
    ///
    /// The first error cancels the other bodies; this returns when all have ended, and cancelling the task
    /// cancels them all.
    ///
    /// - Parameter body: runs as a task of the loop that is passed to it.
    /// - Throws: the error that came first; ``IOError/Code/loopStopped`` if a loop has ended, where `body`
    ///   then does not run.
    @discardableResult
    public func forEachLoop<T: Sendable>(
        _ body: @escaping @Sendable (EventLoop) async throws -> T
    ) async throws -> [T] {
        try await withThrowingTaskGroup(of: (Int, T).self) { group in
            for (index, loop) in loops.enumerated() {
                group.addTask(executorPreference: loop.taskExecutor) {
                    // After the loop's end its jobs run elsewhere.
                    guard loop.isCurrent, !loop.core.uv.isClosed else {
                        throw loop.core.stoppedError("run on every loop")
                    }
                    return (index, try await body(loop))
                }
            }
            var results = [T?](repeating: nil, count: loops.count)
            while let (index, result) = try await group.next() { results[index] = result }
            return results.compactMap(\.self)
        }
    }
}

extension LoopLocal {
    /// A value with an instance for each loop of `runtime`; otherwise as ``init(on:_:)-([EventLoop],_)``.
    public convenience init(
        on runtime: Runtime, _ make: @escaping @Sendable (EventLoop) -> sending Value
    ) {
        self.init(on: runtime.loops, make)
    }
}
