// Sendable: `machine` is guarded by `lock`. Elements are let go, and tasks resumed, outside of it.
/// A channel between tasks, on whichever loops they run: elements come out in the order they went in,
/// each once, and a sender waits while the channel is full.
///
/// ```swift
/// let log = MessageChannel<String>(capacity: 64)
/// let writer = loop.task {
///     for await entry in log { print(entry) }
/// }
/// try await log.send("hello")
/// log.finish()
/// try await writer.value
/// ```
///
/// Any number of tasks may send and any number receive; each kind waits in the order it came. Everything
/// here may be used from any thread. What need not wait is a plain call under a lock held for some tens of
/// instructions, without a suspension; a task that waited goes on where it ran before, on its loop.
///
/// A channel belongs to no loop, so a stop does not end it: whoever sends calls ``finish()``, or the waiting
/// tasks are cancelled.
public final class MessageChannel<Element: Sendable>: @unchecked Sendable {
    @usableFromInline typealias Machine = ChannelMachine<
        Element, Suspension<ChannelSendEnd>, Suspension<ChannelReceiveEnd<Element>>
    >

    @usableFromInline let lock = Lock()
    @usableFromInline var machine: Machine
    /// How many elements the channel keeps while nobody receives.
    public let capacity: Int

    /// - Parameter capacity: how many elements the channel keeps before senders wait; with 0 each waits until
    ///   its element was received. Less is a programming error and traps.
    @inlinable public init(capacity: Int) {
        precondition(capacity >= 0, "a channel needs a capacity of 0 or more, not \(capacity)")
        self.capacity = capacity
        machine = Machine(capacity: capacity)
    }

    /// How many elements are kept now.
    @inlinable public var count: Int { lock.withLock { machine.count } }

    /// Senders that wait for a place.
    var waitingSenders: Int { lock.withLock { machine.waitingSenders } }
    /// Receivers that wait for an element.
    var waitingReceivers: Int { lock.withLock { machine.waitingReceivers } }

    // MARK: Sending

    /// Sends an element, waiting in line while the channel is full.
    ///
    /// - Throws: `CancellationError` if the task was or is cancelled, and ``IOError/Code/closed`` if the
    ///   channel was or is finished: then the element was not sent.
    @inlinable public func send(_ element: Element) async throws {
        try Task.checkCancellation()
        let outcome = lock.withLock { machine.send(element, mayWait: true) }
        if case .wait(let ticket) = outcome {
            try await waitToSend(ticket)
        } else {
            _ = try settle(outcome, element)
        }
    }

    /// Sends an element if that needs no waiting. For code that cannot wait: handlers, and closures that
    /// were posted.
    ///
    /// - Returns: false if the channel is full; then the element was not sent.
    /// - Throws: ``IOError/Code/closed`` if the channel is finished.
    @inlinable public func trySend(_ element: Element) throws -> Bool {
        try settle(lock.withLock { machine.send(element, mayWait: false) }, element)
    }

    @inlinable func settle(_ outcome: Machine.Send, _ element: Element) throws -> Bool {
        switch outcome {
        case .sent: return true
        case .deliver(let receiver):
            receiver.resume(returning: .received(element))
            return true
        case .full, .wait: return false
        case .closed: throw Self.closedError
        }
    }

    @inlinable func waitToSend(_ ticket: Machine.SendTicket) async throws {
        let end = await withTaskCancellationHandler {
            await Suspension.wait { suspended in
                let ended = lock.withLock { machine.attach(suspended, to: ticket) }
                if let end = ended?.end { suspended.resume(returning: end) }
            }
        } onCancel: {
            let cancelled = lock.withLock { machine.cancel(ticket) }
            cancelled?.sender?.resume(returning: .cancelled)
        }
        switch end {
        case .sent: return
        case .cancelled: throw CancellationError()
        case .closed: throw Self.closedError
        }
    }

    @usableFromInline static var closedError: IOError {
        IOError(.closed, "send to channel", reason: "it was finished")
    }

    // MARK: Receiving

    /// Receives the next element, waiting in line while there is none.
    ///
    /// - Returns: nil when the channel is finished and every element it kept was received.
    /// - Throws: `CancellationError` if the task was or is cancelled: then nothing was taken out.
    @inlinable public func receive() async throws -> Element? {
        try Task.checkCancellation()
        let outcome = lock.withLock { machine.receive(mayWait: true) }
        guard case .wait(let ticket) = outcome else { return settle(outcome) }
        return try await waitToReceive(ticket)
    }

    /// The next element if one is there, without waiting; nil also when the channel is finished.
    @inlinable public func tryReceive() -> Element? {
        settle(lock.withLock { machine.receive(mayWait: false) })
    }

    @inlinable func settle(_ outcome: Machine.Receive) -> Element? {
        switch outcome {
        case .received(let element, let sender):
            sender?.resume(returning: .sent)
            return element
        case .empty, .wait, .finished: return nil
        }
    }

    @inlinable func waitToReceive(_ ticket: Machine.ReceiveTicket) async throws -> Element? {
        let end = await withTaskCancellationHandler {
            await Suspension.wait { suspended in
                let end = lock.withLock { machine.attach(suspended, to: ticket) }
                if let end { suspended.resume(returning: end) }
            }
        } onCancel: {
            let receiver = lock.withLock { machine.cancel(ticket) }
            receiver?.resume(returning: .cancelled)
        }
        switch end {
        case .received(let element): return element
        case .cancelled: throw CancellationError()
        case .finished: return nil
        }
    }

    // MARK: Finishing

    /// Ends the channel: what it keeps can still be received, after that receivers get nil; sending fails, also
    /// for those who wait in line. Again does nothing.
    @inlinable public func finish() {
        let (senders, receivers) = lock.withLock { machine.finish() }
        for sending in senders { sending.sender?.resume(returning: .closed) }
        for receiver in receivers { receiver.resume(returning: .finished) }
    }
}

extension MessageChannel: AsyncSequence {
    /// One consumer of the channel: each element goes to one of them.
    public struct Iterator: AsyncIteratorProtocol {
        @usableFromInline let channel: MessageChannel

        @inlinable init(channel: MessageChannel) {
            self.channel = channel
        }

        /// The next element; nil when the channel is finished and empty, or the task is cancelled, and then
        /// nothing was taken out.
        @inlinable public mutating func next() async -> Element? {
            try? await channel.receive()
        }
    }

    /// Begins to receive. Leaving the loop leaves the channel as it is.
    @inlinable public func makeAsyncIterator() -> Iterator {
        Iterator(channel: self)
    }
}
