/// What a channel decides: who gets which element, who waits, who is resumed. Pure: it knows neither tasks
/// nor locks, and is told of each event in turn by the channel that owns it.
///
/// A wait goes in two steps, since a task suspends only after it was told to: the call takes a place in
/// line (`wait`), and the suspended task is attached to it. Whatever ends the wait between the two is kept
/// for the second. So the order of the calls is the order in line, and no end is lost.
///
/// At any time either receivers wait, and then nothing is kept and no sender waits; or senders wait, and
/// then the buffer is full.
@usableFromInline struct ChannelMachine<Element, Sender, Receiver> {
    @usableFromInline typealias SendTicket = WaitList<Sending>.Ticket
    @usableFromInline typealias ReceiveTicket = WaitList<Receiving>.Ticket

    /// A sender in line, with what it sends; its task from when that has suspended.
    @usableFromInline struct Sending {
        @usableFromInline var element: Element?
        @usableFromInline var sender: Sender?
        @usableFromInline var end: ChannelSendEnd?

        @inlinable init(element: Element) {
            self.element = element
        }
    }

    /// A receiver in line; its task from when that has suspended.
    @usableFromInline struct Receiving {
        @usableFromInline var receiver: Receiver?
        @usableFromInline var end: ChannelReceiveEnd<Element>?

        @inlinable init() {}
    }

    @usableFromInline enum Send {
        case sent
        /// It goes to this receiver, who is to be resumed with it.
        case deliver(to: Receiver)
        /// Nothing was taken, and the caller may not wait.
        case full
        case wait(SendTicket)
        case closed
    }

    @usableFromInline enum Receive {
        /// An element, and the sender, if one waited for the place it leaves.
        case received(Element, resume: Sender?)
        /// Nothing is there, and the caller may not wait.
        case empty
        case wait(ReceiveTicket)
        case finished
    }

    /// How many elements are kept while no receiver waits.
    @usableFromInline let capacity: Int
    @usableFromInline var buffer = Ring<Element>()
    @usableFromInline var senders = WaitList<Sending>()
    @usableFromInline var receivers = WaitList<Receiving>()
    @usableFromInline var isFinished = false

    @inlinable init(capacity: Int) {
        self.capacity = capacity
    }

    /// Elements that are kept.
    @inlinable var count: Int { buffer.count }
    /// Senders in line.
    @inlinable var waitingSenders: Int { senders.count }
    /// Receivers in line.
    @inlinable var waitingReceivers: Int { receivers.count }
    /// Waits that have not been told of their end.
    @inlinable var storedWaits: Int { senders.storedCount + receivers.storedCount }

    // MARK: Sending

    @inlinable mutating func send(_ element: Element, mayWait: Bool) -> Send {
        if isFinished { return .closed }
        if let ticket = receivers.first {
            guard let receiver = receivers[ticket]?.receiver else {
                receivers[ticket]?.end = .received(element)
                receivers.leaveLine(ticket)
                return .sent
            }
            receivers.remove(ticket)
            return .deliver(to: receiver)
        }
        if buffer.count < capacity {
            buffer.append(element)
            return .sent
        }
        return mayWait ? .wait(senders.append(Sending(element: element))) : .full
    }

    /// The task of a waiting sender has suspended; the end of the wait, if that came before.
    @inlinable mutating func attach(_ sender: Sender, to ticket: SendTicket) -> Sending? {
        precondition(senders[ticket] != nil, "a sender was attached twice")
        guard senders[ticket]?.end == nil else { return senders.remove(ticket) }
        senders[ticket]?.sender = sender
        return nil
    }

    /// Takes a sender out of line: nothing of it was sent. What is returned is to be resumed as cancelled.
    @inlinable mutating func cancel(_ ticket: SendTicket) -> Sending? {
        guard senders[ticket] != nil, senders[ticket]?.end == nil else { return nil }
        if senders[ticket]?.sender != nil { return senders.remove(ticket) }
        senders[ticket]?.end = .cancelled
        senders.leaveLine(ticket)
        return nil
    }

    // MARK: Receiving

    @inlinable mutating func receive(mayWait: Bool) -> Receive {
        if let element = buffer.popFirst() {
            guard let (next, sender) = takeFirstSender() else {
                return .received(element, resume: nil)
            }
            buffer.append(next)
            return .received(element, resume: sender)
        }
        // A channel without capacity hands over directly.
        if let (element, sender) = takeFirstSender() { return .received(element, resume: sender) }
        if isFinished { return .finished }
        return mayWait ? .wait(receivers.append(Receiving())) : .empty
    }

    @inlinable mutating func takeFirstSender() -> (Element, Sender?)? {
        guard let ticket = senders.first, let element = senders[ticket]?.element else { return nil }
        if let sender = senders[ticket]?.sender {
            senders.remove(ticket)
            return (element, sender)
        }
        senders[ticket]?.element = nil
        senders[ticket]?.end = .sent
        senders.leaveLine(ticket)
        return (element, nil)
    }

    /// The task of a waiting receiver has suspended; the end of the wait, if that came before.
    @inlinable mutating func attach(_ receiver: Receiver, to ticket: ReceiveTicket)
        -> ChannelReceiveEnd<
            Element
        >?
    {
        precondition(receivers[ticket] != nil, "a receiver was attached twice")
        if let end = receivers[ticket]?.end {
            receivers.remove(ticket)
            return end
        }
        receivers[ticket]?.receiver = receiver
        return nil
    }

    /// Takes a receiver out of line, to be resumed as cancelled; nil if its end came before, or its task
    /// has not suspended yet.
    @inlinable mutating func cancel(_ ticket: ReceiveTicket) -> Receiver? {
        guard receivers[ticket] != nil, receivers[ticket]?.end == nil else { return nil }
        if let receiver = receivers[ticket]?.receiver {
            receivers.remove(ticket)
            return receiver
        }
        receivers[ticket]?.end = .cancelled
        receivers.leaveLine(ticket)
        return nil
    }

    // MARK: Finishing

    /// Nothing more may be sent; what is kept can still be received. Senders in line have failed and
    /// receivers in line are done: those returned are to be resumed.
    @inlinable mutating func finish() -> (senders: [Sending], receivers: [Receiver]) {
        isFinished = true
        var failed: [Sending] = []
        while let ticket = senders.first {
            senders.leaveLine(ticket)
            if senders[ticket]?.sender != nil {
                failed += [senders.remove(ticket)].compactMap(\.self)
            } else {
                senders[ticket]?.end = .closed
            }
        }
        var done: [Receiver] = []
        while let ticket = receivers.first {
            receivers.leaveLine(ticket)
            if let receiver = receivers[ticket]?.receiver {
                receivers.remove(ticket)
                done.append(receiver)
            } else {
                receivers[ticket]?.end = .finished
            }
        }
        return (failed, done)
    }
}

/// How a wait to send ended.
@usableFromInline enum ChannelSendEnd: Sendable {
    case sent, cancelled, closed
}

/// How a wait to receive ended.
@usableFromInline enum ChannelReceiveEnd<Element> {
    case received(Element)
    case cancelled, finished
}

extension ChannelReceiveEnd: Sendable where Element: Sendable {}
