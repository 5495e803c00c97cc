// Sendable: nothing here changes, and the watchers are used on the loop's thread or dropped from any.
/// A watch on signals of the process, which come in as values instead of ending it. Owned by whoever
/// started it; it belongs to one loop, and its methods may be called from any thread.
///
/// ```swift
/// let watch = try await SignalWatch.start([.terminalClosed], on: loop)
/// for await signal in watch { print("\(signal): read the settings again") }
/// ```
///
/// Every watch of the process hears of each signal, whatever loop or runtime it belongs to. While a signal is
/// watched its default action is off; when the last watch of it in the process has closed, the default
/// action is back (sigaction(2), `uv_signal_stop` in libuv's manual). A stop of the loop closes its watches
/// late, together with the timers, so signals still arrive while connections drain.
///
/// Dropping the last reference closes the watch, a moment later. A sequence: each iteration, and each call
/// of ``next()``, takes what the others leave.
public final class SignalWatch: AsyncSequence, @unchecked Sendable {
    /// A signal that came.
    public typealias Element = ProcessSignal
    /// A watch ends without an error.
    public typealias Failure = Never

    private let core: LoopCore
    private let mailbox: SignalMailbox
    private let watchers: [UVSignal]

    /// Starts to watch `signals` on `loop`: those that come after this returns are not lost.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` if there is none, or one of them is no signal or cannot be
    ///   watched (SIGKILL and SIGSTOP, those of faulty instructions, and SIGPIPE, which Heddle has
    ///   ignored); ``IOError/Code/loopStopped``. Nothing is watched then.
    public static func start(
        _ signals: Set<ProcessSignal>, on loop: EventLoop
    ) async throws -> SignalWatch {
        guard !signals.isEmpty else {
            throw IOError(.invalidArgument, "watch signals", reason: "none is named")
        }
        for signal in signals {
            guard let reason = signal.reasonAgainstWatching else { continue }
            throw IOError(.invalidArgument, "watch signal", on: "\(signal)", reason: reason)
        }
        let core = loop.core
        return try await core.hop { try SignalWatch(signals, on: core) }
    }

    /// On the loop.
    private init(_ signals: Set<ProcessSignal>, on core: LoopCore) throws {
        guard !core.isRefusingWork else { throw core.stoppedError("watch signals") }
        let mailbox = SignalMailbox(core: core)
        var watchers: [UVSignal] = []
        for signal in signals {
            mailbox.watcherOpened()
            do {
                // The mailbox is the watchers' to keep and not the other way round: no cycle.
                let watcher = try UVSignal(
                    loop: core.uv, signal: signal.rawValue,
                    received: { mailbox.arrived(ProcessSignal(rawValue: $0)) },
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

    /// The next signal; one that came before the call counts. Of several tasks that wait each signal goes to
    /// the one that waits longest.
    ///
    /// A signal that comes again before anybody took it counts again, up to 16 that wait in all; from
    /// there on once, as in the kernel (signal(7)). One of each kind always has a place.
    ///
    /// - Returns: nil when the task is cancelled, and then no signal is lost; when the watch is closed or its
    ///   loop stops.
    public func next() async -> ProcessSignal? {
        // Hopping throws only what its body does, and that throws nothing.
        guard core.isCurrent else { return try? await core.hop { await self.mailbox.next() } }
        return await mailbox.next()
    }

    /// Stops watching; returns when the watchers are closed, and the default actions back unless somebody
    /// else watches. Again does nothing; does not end early when the task is cancelled.
    public func close() async {
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

    /// Begins an iteration, which takes the signals that wait.
    public func makeAsyncIterator() -> Iterator {
        Iterator(watch: self)
    }

    /// One pass over the signals as they come.
    public struct Iterator: AsyncIteratorProtocol {
        let watch: SignalWatch

        /// The next signal; as ``SignalWatch/next()``.
        public mutating func next() async -> ProcessSignal? {
            await watch.next()
        }

        /// What a `for await` loop calls: as ``next()``.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(Never) -> ProcessSignal? {
            await watch.next()
        }
    }
}
