/// The inside of a datagram socket of any family: who waits for what, and how it ends. Owned by libuv's
/// handle until that is closed, and by its public face. Each family has a subclass, a ``DatagramCarrier``.
///
/// Everything here belongs to the loop's thread, in the files named `DatagramCore+…` too.
// Sendable: references cross threads, but every use is on the loop's thread.
class DatagramCore: UVReadiness, @unchecked Sendable {
    /// Errors of the network that are kept until somebody receives; later ones are dropped.
    static let maximumPendingErrors = 16
    /// Datagrams sent in a row before the loop's other input and output have their turn.
    static let sentPerTurn = 1_024
    /// How long they have it at most, if the kernel does not tell when it takes more.
    static let turnNanoseconds: UInt64 = 1_000_000

    final let loop: LoopCore
    final let socket: Socket
    final let memory: DatagramMemory
    /// Bytes kept of a datagram that comes.
    final let maximumDatagramBytes: Int

    /// Whether the socket is read: from the first receive on, while the queue has room.
    final var isReceiving = false
    /// Whether it is not because the queue is full.
    final var isPaused = false
    /// Whether nothing more is to be received, since its server stops.
    final var isInputEnded = false
    /// Who waits for a datagram.
    final var reader: Waiter?
    /// Who waits until the kernel takes more.
    final var writers: [Waiter] = []
    private final var closers: [Waiter] = []
    /// Datagrams sent since the loop last polled, as far as this socket knows.
    final var sentThisTurn = 0
    /// The turn of the loop in which that was last begun anew without its having polled for this socket.
    final var turnOfCount: UInt32 = 0

    /// What the network answered, for whoever receives next.
    final var pendingErrors: [IOError] = []
    /// Why the socket ended, if it was not closed on this side.
    private(set) final var failure: IOError?
    final var counts = DatagramStatistics()
    /// The longest datagrams that the kernel cuts out of a longer message; 0 if it does not.
    final var segmentLimit: Int

    /// Takes over a socket; on failure it stays the caller's.
    init(
        socket: Socket, maximumDatagramBytes: Int, segmentLimit: Int = 0, on loop: LoopCore
    ) throws(UVError) {
        self.loop = loop
        self.socket = socket
        self.maximumDatagramBytes = maximumDatagramBytes
        self.segmentLimit = segmentLimit
        memory = loop.datagramMemory
        try super.init(loop: loop.uv, descriptor: socket.descriptor)
    }

    // MARK: What a family has of its own

    /// The address that errors name: the other side's of a connected socket, else its own.
    var subject: String { "a socket" }

    /// Takes errors off the socket, for whoever receives next; how many there were.
    @discardableResult
    func noteErrors() -> Int { 0 }

    /// What is to be done after the kernel refused.
    enum Refusal {
        case tryAgain, waitForRoom, fail
    }

    /// What is to be done after the kernel refused a datagram with a negative status.
    func refusal(of status: Int32, isRepeated: Bool) -> Refusal { .fail }

    /// The error of a datagram that was not sent.
    func sendError(_ number: Int32, to subject: String) -> IOError {
        IOError(errno: number, "send to", on: subject)
    }

    /// Gives back what was received and not taken.
    func discardUnread() {}

    // MARK: What libuv tells

    override final func hasError() {
        noteErrors()
        watchWhatIsWanted()
    }

    /// Watches what somebody waits for. Reading stays on between two receives.
    final func watchWhatIsWanted() {
        guard phase == .open else { return }
        var wanted: Interest = isReceiving ? .readable : []
        if !writers.isEmpty { wanted.insert(.writable) }
        do {
            try watch(wanted)
        } catch {
            end(with: IOError(nil, "watch socket", on: subject, error))
        }
    }

    final func wakeWriters() {
        for writer in writers { writer.wake(on: loop.queues) }
        writers = []
    }

    // MARK: Ends

    /// Closes on this side: whoever waits hears of it.
    func beginClose() {
        guard phase == .open else { return }
        close()
        reader?.wake(on: loop.queues)
        wakeWriters()
    }

    /// Closes because of an error, which everybody gets from now on.
    final func end(with error: IOError) {
        if failure == nil { failure = error }
        beginClose()
    }

    override final func closeForced() {
        end(with: loop.stoppedError("use", on: subject))
    }

    override final func didLoseLastUser() {
        beginClose()
    }

    override func didClose() {
        socket.close()
        discardUnread()
        for closer in closers { closer.finish(.fired, on: loop) }
        closers = []
    }

    /// Closes, and waits until the address is free again.
    final func closeAndWait() async {
        beginClose()
        while phase != .closed {
            let waiter = Waiter()
            closers.append(waiter)
            while waiter.end == .pending { await loop.park(waiter) }
        }
    }

    /// Takes nothing more from the network; what has come may still be taken.
    final func endInput() {
        guard !isInputEnded else { return }
        isInputEnded = true
        isReceiving = false
        isPaused = false
        watchWhatIsWanted()
        reader?.wake(on: loop.queues)
    }

    /// Why nothing can be done any more.
    final func endedError(_ operation: String) -> IOError {
        failure ?? IOError(.closed, operation, on: subject, reason: "closed on this side")
    }
}
