/// The synchronous heart of every stream: bytes come in, bytes go out, and the machine says what is
/// allowed. It has two faces: the async one suspends tasks here, the handler one is called from here.
///
/// Owned by libuv's handle until that is closed, and by its public face. Everything here belongs to the
/// loop's thread, in the files named `StreamCore+…` too.
// Sendable: references cross threads, but every use is on the loop's thread.
// Exclusivity: the fields are changed by single statements and by methods of `StreamMachine` and
// `ByteQueue`, which call nothing that comes back here.
// Unsafe: a waiter is held by the frame of the task that waits, the handling by the stream.
@safe class StreamCore: UVStream, @unchecked Sendable {
    // The small fields first: see `UVHandle`.
    // From the settings, at hand for every read and write.
    final let unreadHighWater: Int32
    /// Less than zero while a file is sent, which holds every other writer.
    @safe @exclusivity(unchecked) final var unsentHighWater: Int32
    @safe @exclusivity(unchecked) final var machine = StreamMachine()
    /// Whether bytes that were taken could not be sent, and nobody has been told.
    final var hasUnreportedLoss = false
    /// Whether a task's cancellation reaches this stream by `cancelScope`, so that its operations need
    /// no handlers of their own; which task that is, the usual reader's waiter knows.
    @safe @exclusivity(unchecked) final var hasScope = false
    @safe @exclusivity(unchecked) final var isScopeCancelled = false
    /// Whether the handler is having its turn, in which its small writes are gathered.
    @safe @exclusivity(unchecked) final var isGathering = false
    /// Whether the last read brought so much that the next ones are left to the stream's turn.
    @safe @exclusivity(unchecked) final var isBulk = false
    /// Whether the next read goes to the stage for the handler. Set as each turn ends; what changes before the
    /// next read is seen in that read's turn.
    @safe @exclusivity(unchecked) final var stagesNextRead = false
    /// How many more reads the stream's turn may make, since the socket became readable.
    @safe @exclusivity(unchecked) final var readCredit: UInt8 = 0
    /// Whether the handler has been told everything.
    final var isHandlingOver = false
    /// The place in the owner's list.
    final var ownerSlot: Int32 = -1

    final let loop: LoopCore
    // Copies of the loop's references, which cost nothing to use; the loop is held above.
    final let queues: TurnQueues
    final let pool: BufferPool
    final let settings: StreamSettings

    /// Received and not yet taken by anybody.
    @safe @exclusivity(unchecked) final var unread = ByteQueue()
    /// Taken from the user and not yet by the kernel; the first `inFlight` bytes are in libuv's hands.
    @safe @exclusivity(unchecked) final var unsent = ByteQueue()
    final var inFlight: Int {
        @inline(__always) get { Int(inFlight32) }
        @inline(__always) set { inFlight32 = UInt32(truncatingIfNeeded: newValue) }
    }
    // A half-word, as a write has less than 2 GiB, and next to it two quarters: see `mayGoStraightOut`.
    @safe @exclusivity(unchecked) private final var inFlight32: UInt32 = 0
    @safe @exclusivity(unchecked) final var straightOuts: UInt16 = 0
    @safe @exclusivity(unchecked) final var straightOutTurn: UInt16 = 0
    /// All bytes ever sent, which tells a flush when its own have gone.
    @safe @exclusivity(unchecked) final var sentTotal: UInt64 = 0
    /// Why the connection broke, if it did.
    @safe @exclusivity(unchecked) final var failure: IOError?

    /// Who waits for bytes now: the usual reader, or one of its own for a task outside the scope.
    // Held by the frame of the task that waits, and `usualReader` by the stream.
    @safe @exclusivity(unchecked) final var reader: Unmanaged<Waiter>?
    final let usualReader = Waiter()
    /// Everybody else who waits; nil for the many streams nobody else ever waits for.
    @safe @exclusivity(unchecked) final var waits: StreamWaits?

    /// The synchronous face, if the stream has that one: a reference of the stream's own, given back in
    /// its last turn. Not counted for each turn.
    @safe @exclusivity(unchecked) final var handling: Unmanaged<StreamHandling>?

    @inline(__always)
    final var hasHandler: Bool { unsafe handling != nil }

    /// Told when the stream has closed, and the task that serves the stream. Set by the server.
    final var owner: StreamOwner?
    final var ownerTask: Task<Void, Never>?

    /// - Parameter isCounted: whether the loop counts this connection already.
    init(tcpOn loop: LoopCore, settings: StreamSettings, isCounted: Bool) throws(UVError) {
        self.loop = loop
        queues = loop.queues
        pool = loop.pool
        self.settings = settings
        unreadHighWater = Int32(clamping: settings.limits.unreadHighWater)
        unsentHighWater = Int32(clamping: settings.limits.unsentHighWater)
        try super.init(tcpOn: loop.uv)
        if !isCounted { loop.connectionBegins() }
    }

    /// A stream of a descriptor that is no socket, in the directions that `machine` allows.
    init(
        pipeOn loop: LoopCore, settings: StreamSettings, machine: StreamMachine
    ) throws(UVError) {
        self.loop = loop
        queues = loop.queues
        pool = loop.pool
        self.settings = settings
        self.machine = machine
        unreadHighWater = Int32(clamping: settings.limits.unreadHighWater)
        unsentHighWater = Int32(clamping: settings.limits.unsentHighWater)
        try super.init(pipeOn: loop.uv)
        loop.connectionBegins()
    }

    /// The peer, for error messages.
    var subject: String { "a stream" }

    // MARK: What kinds of stream differ in

    /// Why this kind of stream never takes what is tried; nil if it does.
    func refusal(of operation: String) -> IOError? { nil }

    /// Ends the output for the peer, once everything is sent.
    func endOutput() { shutdownSocket() }

    /// Whether the output was ended, so that ending it again is nothing.
    var hasEndedOutput: Bool { false }

    /// The input has ended with `status`, as libuv has it: what the end of the input really is.
    func endOfInput(_ status: Int32) -> Int32 { status }

    // MARK: Callbacks of libuv: they record what happened and make somebody ready

    final override func lendBuffer() -> UnsafeMutableRawBufferPointer {
        unsafe stagesNextRead ? loop.stage.lend() : memoryForRead()
    }

    final override func didBecomeReadable() {
        readCredit = Self.readsPerTurn
        becameReadable()
    }

    final override func didRead(count: Int) {
        if count >= Self.bulkBytes { isBulk = true }
        if stagesNextRead { stageForHandler(count) } else { keep(count) }
    }

    /// Keeps what came for whoever takes it.
    @inline(never)
    private final func keep(_ count: Int) {
        if hasHandler {
            unread.append(pool.take(count))
            queues.giveTurn(to: self)
        } else if let reader {
            unread.append(pool.take(count))
            unsafe reader._withUnsafeGuaranteedRef { $0.wake(on: queues) }
        } else {
            keepUnawaited(count)
        }
        if unread.byteCount >= Int(unreadHighWater) { pauseIfFull() }
    }

    final override func didEndReading(status: Int32) {
        endReading(status: endOfInput(status))
        becameReadable()
    }

    final override func didConnect(status: Int32) {
        if status < 0, phase == .open {
            failure = IOError(nil, "connect to", on: subject, UVError(status: status))
        }
        waits?.connector?.finish(.fired, on: loop)
    }

    override func streamDidClose() {
        machine.closed()
        loop.connectionEnded()
        unread.removeAll()
        unsent.removeAll()
        waits?.finishAll(on: loop)
        if hasHandler { queues.giveTurn(to: self) }
        owner?.streamDidClose(self)
        owner = nil
    }

    /// Nobody waits, so these bytes may stay for long: a few of them not in memory shared with others.
    private final func keepUnawaited(_ count: Int) {
        unread.append(count <= Self.compactBytes ? pool.takeCompacted(count) : pool.take(count))
    }

    /// Fewer bytes than this that nobody waits for are moved to memory of their own.
    private static let compactBytes = 1024

    @inline(__always)
    private final func becameReadable() {
        if hasHandler {
            queues.giveTurn(to: self)
        } else {
            wakeReader()
        }
    }

    @inline(__always)
    final func wakeReader() {
        guard let reader else { return }
        unsafe reader._withUnsafeGuaranteedRef { $0.wake(on: queues) }
    }

    @inline(never)
    private final func pauseIfFull() {
        guard machine.life == .open else {
            // Nobody will take these. Reading goes on: it tells of a reset, and what is left in the kernel
            // would make the close one.
            unread.removeAll()
            return
        }
        let limit = Int(unreadHighWater)
        if machine.received(unread: unread.byteCount, highWater: limit) == .pause { stopReading() }
    }

    final override func didWrite(status: Int32) {
        finishQueuedWrite(status: status)
    }

    /// Nobody has the public face any more: what was written still goes out.
    final override func didLoseLastUser() {
        beginClose()
    }

    final override func closeForced() {
        endBecauseLoopStops()
    }

    // MARK: Turns

    /// Gives the stream its synchronous face.
    final func setHandler(_ handler: any StreamHandler) {
        unsafe handling = Unmanaged.passRetained(StreamHandling(handler: handler, core: self))
        queues.giveTurn(to: self)
    }

    final override func takeTurn() {
        guard let handling else { return }
        // Held by the stream until the line below.
        unsafe handling._withUnsafeGuaranteedRef { $0.deliver(for: self) }
        if isHandlingOver { releaseHandling() }
    }

    /// What the handler threw, if it has.
    final var handlerError: (any Error)? {
        unsafe handling?.takeUnretainedValue().thrown
    }

    private final func releaseHandling() {
        unsafe handling?.release()
        handling = nil
    }

    final override func flushCorked() {
        send()
    }

    // MARK: The start

    /// Takes over a connected socket and begins to read.
    final func adopt(descriptor: Int32) throws(UVError) {
        try open(descriptor: descriptor)
        try startReading()
    }
}

/// What streams of one kind have in common, shared by all of them.
final class StreamSettings: Sendable {
    let limits: StreamLimits
    /// File descriptors that may have come and not been taken; 0 if they are not to come.
    let maximumUnclaimedDescriptors: Int
    /// What errors call a peer that has no address.
    let peer: String

    init(
        limits: StreamLimits, maximumUnclaimedDescriptors: Int = 0, peer: String = "a stream"
    ) {
        self.limits = limits
        self.maximumUnclaimedDescriptors = maximumUnclaimedDescriptors
        self.peer = peer
    }
}

/// Owns streams and is told on the loop when one has closed.
class StreamOwner {
    func streamDidClose(_ stream: StreamCore) {}

    /// Serves the stream, in a task that captures nothing but the stream: a connection is counted in bytes.
    func serve(_ stream: StreamCore) async {}
}
