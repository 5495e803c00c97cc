/// How code gets onto a loop: as a task, as a call isolated to it, or posted.
extension EventLoop {
    /// Starts a task whose code runs on this loop.
    ///
    /// Use it instead of `Task { }`, which would run on Swift's global pool. The task belongs to whoever
    /// holds it: a stop of the loop does not wait for it, but fails the input and output it tries.
    @discardableResult
    public nonisolated func task<T: Sendable>(
        name: String? = nil, priority: TaskPriority? = nil,
        _ body: sending @escaping @isolated(any) () async throws -> T
    ) -> Task<T, any Error> {
        Task(name: name, executorPreference: core, priority: priority, operation: body)
    }

    /// Runs `body` on the loop, isolated to it, and returns what it returns. On the loop already, from
    /// code isolated to it, this is a plain call.
    ///
    /// - Throws: what `body` throws, and nothing else.
    public func run<T: Sendable, E: Error>(
        _ body: @Sendable (isolated EventLoop) throws(E) -> T
    ) throws(E) -> T {
        try body(self)
    }

    /// Runs an asynchronous `body` that starts on the loop, isolated to it.
    ///
    /// - Throws: what `body` throws, and nothing else.
    public func run<T: Sendable, E: Error>(
        _ body: @Sendable (isolated EventLoop) async throws(E) -> T
    ) async throws(E) -> T {
        try await body(self)
    }

    /// Runs `body` on the loop's thread, soon, without waiting for it. Items posted by one thread run
    /// in the order they were posted. A body posted after the loop's end still runs, elsewhere.
    public nonisolated func post(_ body: consuming @escaping @Sendable () -> Void) {
        core.post(body)
    }
}
