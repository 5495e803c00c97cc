/// Work that blocks its thread: files, databases, compression, anything without an async face.
extension Runtime {
    /// What a call of ``Runtime/blocking(whenFull:_:)`` does when all threads are busy and the line is full.
    public enum WhenFull: Sendable {
        /// Wait for a place in line, behind those who came before.
        case wait
        /// Throw ``IOError/Code/limitExceeded`` at once.
        case fail
    }

    /// The threads for blocking work at one moment, and what they have done since the runtime's start.
    public struct BlockingStatistics: Sendable, Hashable {
        /// Threads that were started.
        public let threads: Int
        /// Calls that wait for a thread.
        public let queued: Int
        /// Calls that run.
        public let running: Int
        /// Calls that have run to their end, by a result or an error.
        public let completed: Int
        /// The longest that any call has waited for a thread; those that wait now count too.
        public let longestWait: Duration
    }

    /// Runs `body` on a thread where it may block, and returns what it returned; the calling task waits
    /// without blocking its own thread, and goes on there.
    ///
    /// The threads are the runtime's own, at most ``Options/blockingThreads``, and started as they are
    /// needed. When all are busy, calls wait in the order they came.
    ///
    /// Cancelling the task while it waits in line ends the call at once, and `body` never runs. Once
    /// `body` runs, the call ends with it: a thread cannot be stopped from outside.
    ///
    /// A stop lets what runs and waits go on for its grace. Then what has not begun fails, and what runs
    /// has half a second more. The runtime ends without what still runs, and the stop throws
    /// ``IOError/Code/timedOut`` to say so; that call returns whenever its `body` does.
    ///
    /// - Parameters:
    ///   - whenFull: whether to wait when ``Options/blockingQueueLimit`` calls wait already.
    ///   - body: must not wait for other blocking work of this runtime.
    /// - Throws: what `body` throws; `CancellationError` if `body` did not run because the task was
    ///   cancelled; ``IOError`` with ``IOError/Code/limitExceeded`` when full, with
    ///   ``IOError/Code/loopStopped`` after a stop, with ``IOError/Code/resourcesExhausted`` if the system
    ///   has no thread for it. In these cases `body` did not run.
    public func blocking<T: Sendable>(
        whenFull: WhenFull = .wait, _ body: @escaping @Sendable () throws -> T
    ) async throws -> T {
        let call = BlockingCall(body)
        return try await withTaskCancellationHandler {
            await Suspension.wait { caller in
                call.caller = caller
                blockingPool.submit(call, whenFull: whenFull)
            }
        } onCancel: {
            blockingPool.cancel(call)
        }.get()
    }

    /// How busy the threads for blocking work are. From any thread, at any time.
    public var blockingStatistics: BlockingStatistics { blockingPool.statistics }
}
