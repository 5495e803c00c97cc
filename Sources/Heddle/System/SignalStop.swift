internal import Synchronization

/// Stops one runtime when a signal comes, and at once when a second one does. Owned by the call that runs
/// the runtime.
// Sendable: `watches` is guarded by `lock`.
final class SignalStop: @unchecked Sendable {
    private let drainTimeout: Duration
    private let hasCome = Atomic<Bool>(false)
    private let endedLoops = Atomic<Int>(0)
    private let lock = Lock()
    private var watches: [SignalWatch] = []

    init(drainTimeout: Duration) {
        self.drainTimeout = drainTimeout
    }

    /// From here on no signal is lost. Each loop has a watch of its own: whichever drains longest still
    /// hears the second signal.
    func watch(_ signals: Set<ProcessSignal>, on runtime: Runtime) async throws {
        for loop in runtime.loops {
            let watch = try await SignalWatch.start(signals, on: loop)
            lock.withLock { watches.append(watch) }
        }
    }

    /// Waits for `work`, which a signal stops together with the runtime.
    func wait<T>(for work: Task<T, any Error>, on runtime: Runtime) async throws -> T {
        for (loop, watch) in zip(runtime.loops, lock.withLock({ watches })) {
            loop.task { await self.stop(runtime, on: watch) { work.cancel() } }
        }
        // Work that ends because a signal came leaves the watches to the runtime's end, for a second one.
        return try await withTaskCancellationHandler {
            try await work.value
        } onCancel: {
            work.cancel()
        }
    }

    private func stop(
        _ runtime: Runtime, on watch: SignalWatch, cancel: @Sendable () -> Void
    ) async {
        if await watch.next() != nil {
            hasCome.store(true, ordering: .releasing)
            runtime.requestStop(within: drainTimeout)
            if await isDrainOver(watch) {
                runtime.requestStop(within: .zero)
                cancel()
            }
        }
        // This loop has ended, or everything is to. After the last one there is no drain to wait for.
        let ended = endedLoops.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
        if ended == runtime.loops.count, hasCome.load(ordering: .acquiring) { cancel() }
    }

    /// Waits for a second signal or the end of the drain; false if the loop of `watch` has ended before,
    /// while others may drain still.
    private func isDrainOver(_ watch: SignalWatch) async -> Bool {
        do {
            return try await withTimeout(drainTimeout) { await watch.next() } != nil
        } catch {
            return true
        }
    }

    /// Whether `error` is what a stop by signal makes of work that was under way.
    func explains(_ error: any Error) -> Bool {
        guard hasCome.load(ordering: .acquiring) else { return false }
        return error is CancellationError || (error as? IOError)?.code == .loopStopped
    }
}
