/// A watch on signals of the process, which come in as values instead of ending it. Owned by whoever
/// started it; its watchers belong to one loop, and its methods may be called from any thread.
///
/// While a signal is watched its default action is off. When the last watcher of a signal in the process
/// has closed, the default action is back (`uv_signal_stop` in libuv's manual). A stop of the loop closes
/// the watchers late, together with the timers, so signals still arrive while connections drain.
// Sendable: nothing here changes, and the watchers are used on the loop's thread or dropped from any.
package final class SignalWatch: @unchecked Sendable {
    private let core: LoopCore
    private let mailbox: SignalMailbox
    private let watchers: [UVSignal]

    /// Starts to watch `signals` on `loop`.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` for a number that is no signal or one that cannot be
    ///   caught, ``IOError/Code/loopStopped``. Nothing is watched then.
    package static func start(_ signals: [Int32], on loop: EventLoop) async throws -> SignalWatch {
        let core = loop.core
        return try await core.hop { try SignalWatch(signals, on: core) }
    }

    /// On the loop.
    private init(_ signals: [Int32], on core: LoopCore) throws {
        guard !core.isRefusingWork else { throw core.stoppedError("watch signals") }
        let mailbox = SignalMailbox(core: core)
        var watchers: [UVSignal] = []
        for signal in signals {
            mailbox.watcherOpened()
            do {
                // The mailbox is the watchers' to keep and not the other way round: no cycle.
                let watcher = try UVSignal(
                    loop: core.uv, signal: signal, received: { mailbox.arrived($0) },
                    closed: { mailbox.watcherClosed() })
                watchers.append(watcher)
            } catch {
                for watcher in watchers { watcher.close() }
                throw IOError(nil, "watch signal", on: "\(signal)", error)
            }
        }
        self.core = core
        self.mailbox = mailbox
        self.watchers = watchers
    }

    deinit {
        for watcher in watchers { core.drop(watcher) }
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
            try? await core.hop { await self.closeOnLoop() }
            return
        }
        await closeOnLoop()
    }

    private func closeOnLoop() async {
        for watcher in watchers { watcher.close() }
        await mailbox.waitUntilClosed()
    }
}

/// The signals that came and were not taken yet, and who waits for one. Kept by the watchers that fill
/// it; used on the loop's thread.
// Sendable: references cross threads, but every use is on the loop's thread.
private final class SignalMailbox: @unchecked Sendable {
    /// Signals kept while nobody takes them; further ones are dropped, as the kernel does with one
    /// that is pending already (signal(7)).
    private static let capacity = 16

    private let core: LoopCore
    private var openWatchers = 0
    private var pending: [Int32] = []
    private var waiter: Waiter?
    private var closers: [Waiter] = []

    init(core: LoopCore) {
        self.core = core
    }

    func next() async -> Int32? {
        precondition(waiter == nil, "two tasks wait for the signals of one watch")
        if pending.isEmpty, openWatchers > 0 {
            let waiter = Waiter()
            self.waiter = waiter
            await core.wait(for: waiter)
            self.waiter = nil
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

    func arrived(_ signal: Int32) {
        guard pending.count < Self.capacity else { return }
        pending.append(signal)
        waiter?.finish(.fired, on: core)
    }

    func watcherOpened() {
        openWatchers += 1
    }

    func watcherClosed() {
        openWatchers -= 1
        guard openWatchers == 0 else { return }
        waiter?.finish(.loopStopped, on: core)
        for closer in closers { closer.finish(.fired, on: core) }
        closers = []
    }
}
