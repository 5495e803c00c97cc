/// The inside of a datagram socket: what came and was not taken, and who waits for what. Owned by libuv's
/// handle until that is closed, and by its public face.
///
/// Everything here belongs to the loop's thread, in the files named `DatagramCore+…` too.
// Sendable: references cross threads, but every use is on the loop's thread.
final class DatagramCore: UVReadiness, @unchecked Sendable {
    /// Errors of the network that are kept until somebody receives; later ones are dropped.
    static let maximumPendingErrors = 16
    /// Datagrams sent in a row before the loop's other input and output have their turn.
    static let sentPerTurn = 1_024

    let loop: LoopCore
    let socket: Socket
    let local: SocketAddress
    /// Where the socket is connected to.
    let remote: SocketAddress?
    let options: UDPOptions
    let memory: DatagramMemory

    /// Received and not yet taken by anybody.
    var unread = DatagramQueue()
    /// Whether the socket is read: from the first receive on, while the queue has room.
    var isReceiving = false
    /// Whether it is not because the queue is full.
    var isPaused = false
    /// Whether nothing more is to be received, since its server stops.
    var isInputEnded = false
    /// Who waits for a datagram.
    var reader: Waiter?
    /// Who waits until the kernel takes more.
    var writers: [Waiter] = []
    private var closers: [Waiter] = []
    /// Datagrams sent since the loop last polled, as far as this socket knows.
    var sentThisTurn = 0

    /// What the network answered, for whoever receives next.
    var pendingErrors: [IOError] = []
    /// Why the socket ended, if it was not closed on this side.
    private(set) var failure: IOError?
    var counts = UDPSocket.Statistics()
    /// The longest datagrams that the kernel cuts out of a longer message; 0 if it does not.
    var segmentLimit: Int

    /// Takes over a bound socket; on failure it stays the caller's.
    init(
        socket: Socket, local: SocketAddress, remote: SocketAddress?, options: UDPOptions,
        on loop: LoopCore
    ) throws(UVError) {
        self.loop = loop
        self.socket = socket
        self.local = local
        self.remote = remote
        self.options = options
        memory = loop.datagramMemory
        let canSegment = options.usesSegmentation && LinuxCalls.canSegment(socket.descriptor)
        segmentLimit = canSegment ? UDPOptions.longestDatagramBytes : 0
        try super.init(loop: loop.uv, descriptor: socket.descriptor)
    }

    /// The address that errors name: the other side's of a connected socket, else its own.
    var subject: String { "\(remote ?? local)" }

    // MARK: What libuv tells

    override func becameReady(_ ready: Interest) {
        sentThisTurn = 0
        if ready.contains(.readable) { takeIn() }
        if ready.contains(.writable) { wakeWriters() }
        watchWhatIsWanted()
    }

    override func hasError() {
        noteErrors()
        watchWhatIsWanted()
    }

    /// Watches what somebody waits for. Reading stays on between two receives.
    func watchWhatIsWanted() {
        guard phase == .open else { return }
        var wanted: Interest = isReceiving ? .readable : []
        if !writers.isEmpty { wanted.insert(.writable) }
        do {
            try watch(wanted)
        } catch {
            end(with: IOError(nil, "watch socket", on: subject, error))
        }
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
    func end(with error: IOError) {
        if failure == nil { failure = error }
        beginClose()
    }

    override func closeForced() {
        end(with: loop.stoppedError("use", on: subject))
    }

    override func didLoseLastUser() {
        beginClose()
    }

    override func didClose() {
        counts.dropped = socket.droppedDatagrams
        socket.close()
        _ = unread.removeAll()
        for closer in closers { closer.finish(.fired, on: loop) }
        closers = []
    }

    /// Closes, and waits until the address is free again.
    func closeAndWait() async {
        beginClose()
        while phase != .closed {
            let waiter = Waiter()
            closers.append(waiter)
            while waiter.end == .pending { await loop.park(waiter) }
        }
    }

    /// Why nothing can be done any more.
    func endedError(_ operation: String) -> IOError {
        failure ?? IOError(.closed, operation, on: subject, reason: "closed on this side")
    }

    private func wakeWriters() {
        for writer in writers { writer.wake(on: loop.queues) }
        writers = []
    }

    // MARK: Counters

    var statistics: UDPSocket.Statistics {
        if phase == .open { counts.dropped = socket.droppedDatagrams }
        return counts
    }
}
