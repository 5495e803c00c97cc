/// The signals that came and were not taken yet, and who waits for one. Kept by the watchers that fill
/// it; used on the loop's thread.
// Sendable: references cross threads, but every use is on the loop's thread.
final class SignalMailbox: @unchecked Sendable {
    /// Signals kept while nobody takes them. Beyond that one is kept of each kind.
    static let capacity = 16

    private let core: LoopCore
    private var openWatchers = 0
    private var pending: [ProcessSignal] = []
    private var waiters: [Waiter] = []
    private var closers: [Waiter] = []

    init(core: LoopCore) {
        self.core = core
    }

    func next() async -> ProcessSignal? {
        while pending.isEmpty, openWatchers > 0, !Task.isCancelled {
            let waiter = Waiter()
            waiters.append(waiter)
            await core.wait(for: waiter)
            waiters.removeAll { $0 === waiter }
            // Woken for a signal and cancelled before it could run: the signal is another's.
            if Task.isCancelled { wakeOne() }
        }
        return pending.isEmpty || Task.isCancelled ? nil : pending.removeFirst()
    }

    func waitUntilClosed() async {
        while openWatchers > 0 {
            let closer = Waiter()
            closers.append(closer)
            while closer.end == .pending { await core.park(closer) }
        }
    }

    func arrived(_ signal: ProcessSignal) {
        guard pending.count < Self.capacity || !pending.contains(signal) else { return }
        pending.append(signal)
        wakeOne()
    }

    private func wakeOne() {
        guard !pending.isEmpty else { return }
        waiters.first { $0.end == .pending }?.finish(.fired, on: core)
    }

    func watcherOpened() {
        openWatchers += 1
    }

    func watcherClosed() {
        openWatchers -= 1
        guard openWatchers == 0 else { return }
        for waiter in waiters { waiter.finish(.loopStopped, on: core) }
        for closer in closers { closer.finish(.fired, on: core) }
        closers = []
    }
}
