/// Who waits for a stream, except for bytes. Made for a stream when somebody first waits, since most are
/// only ever read from. Used on the loop's thread.
final class StreamWaits {
    /// For the unsent bytes to become fewer.
    var writers: [Waiter] = []
    /// For their own bytes to be the kernel's.
    var flushers: [FlushWaiter] = []
    /// For the end.
    var closers: [Waiter] = []
    /// For the connection.
    var connector: Waiter?
    var closeDeadline: CloseDeadline?

    /// The stream has closed.
    func finishAll(on loop: LoopCore) {
        if let closeDeadline { loop.cancel(closeDeadline) }
        connector?.finish(.fired, on: loop)
        for closer in closers { closer.finish(.fired, on: loop) }
        closers = []
    }

    /// Has everybody look at the state again.
    func wakeWriters(on queues: TurnQueues) {
        for writer in writers { writer.wake(on: queues) }
        for flusher in flushers { flusher.wake(on: queues) }
    }

    /// `sent` bytes have gone in all, and `unsent` wait.
    func sent(_ sent: UInt64, unsent: Int, lowWater: Int, on queues: TurnQueues) {
        if unsent <= lowWater {
            for writer in writers { writer.wake(on: queues) }
        }
        for flusher in flushers where flusher.target <= sent { flusher.wake(on: queues) }
    }
}

/// A task that waits until `target` bytes in all have been sent.
final class FlushWaiter: Waiter {
    let target: UInt64

    init(target: UInt64) {
        self.target = target
    }
}

extension StreamCore {
    /// The stream's waits, made now if nobody has waited before.
    final func makeWaits() -> StreamWaits {
        if let waits { return waits }
        let made = StreamWaits()
        waits = made
        return made
    }
}
