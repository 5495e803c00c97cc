/// A watch on signals of the process, which come in as values instead of ending it. Owned by whoever
/// started it; its watchers belong to one loop, and its methods may be called from any thread.
///
/// While a signal is watched its default action is off. When the last watcher of a signal in the process
/// has closed, the default action is back (`uv_signal_stop` in libuv's manual). A stop of the loop closes
/// the watchers late, together with the timers, so signals still arrive while connections drain.
package final class SignalWatch: Sendable {
    private let core: LoopCore
    private let mailbox: SignalMailbox

    /// Starts to watch `signals` on `loop`.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` for a number that is no signal or one that cannot be
    ///   caught, ``IOError/Code/loopStopped``. Nothing is watched then.
    package static func start(_ signals: [Int32], on loop: EventLoop) async throws -> SignalWatch {
        let core = loop.core
        return try await core.hop {
            SignalWatch(core: core, mailbox: try SignalMailbox(signals, on: core))
        }
    }

    private init(core: LoopCore, mailbox: SignalMailbox) {
        self.core = core
        self.mailbox = mailbox
    }

    deinit {
        for watcher in mailbox.watchers { core.drop(watcher) }
    }

    /// The number of the next signal; one that came before the call counts. One caller at a time.
    ///
    /// - Returns: nil when the task is cancelled, the watch is closed or its loop stops.
    package func next() async -> Int32? {
        // Hopping throws only what its body does, and that throws nothing.
        guard core.isCurrent else { return try? await core.hop { await self.mailbox.next() } }
        return await mailbox.next()
    }

    /// Stops watching; returns when the default actions are back. Again does nothing.
    package func close() async {
        guard core.isCurrent else {
            // As above.
            try? await core.hop { await self.mailbox.close() }
            return
        }
        await mailbox.close()
    }
}

/// The signals that came and were not taken yet, and who waits for one. Used on the loop's thread.
// Sendable: references cross threads, but every use is on the loop's thread; `watchers` never changes
// once `init` has returned.
private final class SignalMailbox: @unchecked Sendable {
    /// Signals kept while nobody takes them; further ones are dropped, as the kernel does with one
    /// that is pending already (signal(7)).
    private static let capacity = 16

    private let core: LoopCore
    private(set) var watchers: [UVSignal] = []
    private var pending: [Int32] = []
    private var waiter: Waiter?
    private var closers: [Waiter] = []

    init(_ signals: [Int32], on core: LoopCore) throws {
        self.core = core
        guard !core.isRefusingWork else { throw core.stoppedError("watch signals") }
        for signal in signals {
            do {
                // The watcher is the loop's until it has closed, and holds this object no longer.
                watchers.append(
                    try UVSignal(
                        loop: core.uv, signal: signal, received: { self.arrived($0) },
                        closed: { self.watcherClosed() }))
            } catch {
                for watcher in watchers { watcher.close() }
                throw IOError(nil, "watch signal", on: "\(signal)", error)
            }
        }
    }

    func next() async -> Int32? {
        precondition(waiter == nil, "two tasks wait for the signals of one watch")
        if pending.isEmpty, isOpen {
            let waiter = Waiter()
            self.waiter = waiter
            await core.wait(for: waiter)
            self.waiter = nil
        }
        return pending.isEmpty || Task.isCancelled ? nil : pending.removeFirst()
    }

    func close() async {
        for watcher in watchers { watcher.close() }
        while !watchers.allSatisfy({ $0.phase == .closed }) {
            let closer = Waiter()
            closers.append(closer)
            while closer.end == .pending { await core.park(closer) }
        }
    }

    private var isOpen: Bool { watchers.contains { $0.phase == .open } }

    private func arrived(_ signal: Int32) {
        guard pending.count < Self.capacity else { return }
        pending.append(signal)
        waiter?.finish(.fired, on: core)
    }

    private func watcherClosed() {
        waiter?.finish(.loopStopped, on: core)
        for closer in closers { closer.finish(.fired, on: core) }
        closers = []
    }
}
