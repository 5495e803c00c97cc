internal import SystemPackage

/// The events of one watcher and who waits for one. Filled by what watches; used on the loop's thread.
// Sendable: references cross threads, but every use is on the loop's thread.
final class FileMailbox: @unchecked Sendable {
    private let core: LoopCore
    private var queue: FileEventQueue
    private var waiters: [Waiter] = []
    private var isClosed = false

    init(core: LoopCore, quiet: Duration?) {
        self.core = core
        let nanoseconds = quiet.map { UInt64(max(0, $0.clampedNanoseconds)) } ?? 0
        queue = FileEventQueue(quietNanoseconds: nanoseconds)
    }

    func add(_ kind: FileEventQueue.Kind, _ path: FilePath) {
        queue.add(kind, path, at: UVLoop.hrtimeNanoseconds)
        wake()
    }

    func overflow() {
        queue.overflow()
        wake()
    }

    /// Has whoever waits look again.
    private func wake() {
        for waiter in waiters { waiter.finish(.fired, on: core) }
    }

    /// Nothing comes any more, and what came is not told.
    func close() {
        isClosed = true
        wake()
    }

    /// The next event; nil when closed or cancelled.
    func next() async -> FileEvent? {
        while !isClosed, !Task.isCancelled {
            let now = UVLoop.hrtimeNanoseconds
            if let event = queue.popDue(at: now) { return event }
            let alarm = WaitTimer(core: core)
            if let due = queue.nextDue { core.schedule(alarm, at: due) }
            waiters.append(alarm.waiter)
            await core.wait(for: alarm.waiter)
            waiters.removeAll { $0 === alarm.waiter }
            core.cancel(alarm)
            if alarm.waiter.end == .loopStopped { return nil }
        }
        return nil
    }
}
