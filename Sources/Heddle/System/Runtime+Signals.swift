/// Runtimes that signals stop.
extension Runtime {
    /// Runs `body` with a runtime that a signal stops; otherwise as ``run(_:_:)``.
    ///
    /// The first of `signals` stops the runtime: servers stop listening, and connections drain for
    /// ``Options/drainTimeout``. A second one ends the drain at once. When the drain is over, `body` is cancelled
    /// if it has not ended by then. Signals count from before `body` starts until the loops' timers have closed;
    /// afterwards the default actions are back.
    ///
    /// `body` runs in a task of its own, on Swift's global pool.
    ///
    /// - Returns: what `body` returns; nil if a signal came and `body` threw `CancellationError` or
    ///   ``IOError/Code/loopStopped``, as what a stop ends does.
    /// - Throws: as ``run(_:_:)``; as ``SignalWatch/start(_:on:)``.
    @discardableResult
    public static func run<T: Sendable>(
        _ options: Options = Options(), stoppingOn signals: Set<ProcessSignal>,
        _ body: sending @escaping @isolated(any) (Runtime) async throws -> T
    ) async throws -> T? {
        let runtime = try start(options)
        let stop = SignalStop(drainTimeout: options.drainTimeout)
        let result: T?
        do {
            try await stop.watch(signals, on: runtime)
            let work = Task { try await body(runtime) }
            result = try await stop.wait(for: work, on: runtime)
        } catch  where stop.explains(error) {
            result = nil
        } catch {
            // The body's error is the one to tell; the stop's own can only follow from it.
            try? await runtime.stop(within: .zero)
            throw error
        }
        try await runtime.stop(within: options.drainTimeout)
        return result
    }

    /// Runs `body` with a runtime whose first loop is the calling thread, as ``runBlocking(_:_:)``, and that a
    /// signal stops, as ``run(_:stoppingOn:_:)``.
    ///
    /// - Returns: as ``run(_:stoppingOn:_:)``.
    /// - Throws: as ``runBlocking(_:_:)``; as ``SignalWatch/start(_:on:)``.
    @available(*, noasync, message: "await run(_:stoppingOn:_:) instead")
    @discardableResult
    public static func runBlocking<T: Sendable>(
        _ options: Options = Options(), stoppingOn signals: Set<ProcessSignal>,
        _ body: @escaping @Sendable (Runtime) async throws -> T
    ) throws -> T? {
        let stop = SignalStop(drainTimeout: options.drainTimeout)
        do {
            return try runBlocking(options) { runtime in
                try await stop.watch(signals, on: runtime)
                let work = runtime.loops[0].task { try await body(runtime) }
                return try await stop.wait(for: work, on: runtime)
            }
        } catch  where stop.explains(error) {
            return nil
        }
    }
}
