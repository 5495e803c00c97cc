/// Drives one handler: decides in the stream's turns what to call. Owned by the stream.
// Exclusivity: the fields are read and set by single statements, never while the handler is called.
final class StreamHandling {
    private let handler: any StreamHandler
    private var isOpened = false
    private var isEndDelivered = false
    private var isClosedDelivered = false
    private var wasAboveHighWater = false
    /// What the handler threw; its connection is then closed.
    private(set) var thrown: (any Error)?
    /// Whether bytes are kept back: for either of the two reasons above.
    @safe @exclusivity(unchecked) private(set) var isHeld = false
    /// Whether something other than bytes is to be told: the start, room, the end.
    @safe @exclusivity(unchecked) private var hasNews = true

    /// Where bytes wait on the loop's stage for this turn, and how many.
    @safe @exclusivity(unchecked) private var stagedStart = 0
    @safe @exclusivity(unchecked) private(set) var stagedCount = 0

    // The stream holds this object, and this the stream, until the last turn breaks the circle.
    private let stream: SynchronousStream

    init(handler: any StreamHandler, core: StreamCore) {
        self.handler = handler
        stream = SynchronousStream(core: core)
    }

    /// Whether bytes or news wait for the unsent ones to become fewer.
    @inline(__always)
    var wantsTurnAfterSending: Bool { wasAboveHighWater }

    /// One turn of the stream: everything that can be told now.
    @inline(__always)
    func deliver(for core: StreamCore) {
        core.isGathering = true
        do {
            if hasNews { try deliverStart(on: stream, of: core) }
            try deliverBytes(on: stream, of: core)
        } catch {
            fail(error, core)
        }
        core.sendWhatIsGathered()
        core.isGathering = false
        core.stagesNextRead = !isHeld && !core.isBulk
        if core.machine.readSide != .open || core.machine.life != .open {
            deliverEnd(on: stream, of: core)
        }
    }

    // MARK: Bytes on the stage

    @inline(__always)
    var hasStaged: Bool { stagedCount > 0 }

    @inline(__always)
    func stage(_ count: Int, on stage: Stage) {
        stagedStart = stage.keep(count)
        stagedCount = count
    }

    /// Shows the handler what waits on the stage, or keeps it for later if it may not be shown now.
    @inline(__always)
    private func deliverStaged(on stream: SynchronousStream, of core: StreamCore) throws {
        let stage = core.loop.stage
        let piece = unsafe stage.piece(at: stagedStart, count: stagedCount)
        defer {
            stagedCount = 0
            stage.drop()
        }
        guard core.machine.life == .open else { return }
        // Dropped only when this returns.
        let bytes = unsafe RawSpan(_unsafeBytes: piece)
        if isHeld {
            core.unread.append(Bytes(copying: bytes))
        } else {
            try handler.received(bytes, on: stream)
            if core.unsent.byteCount >= Int(core.unsentHighWater) { pause() }
        }
    }

    // MARK: Delivering

    @inline(__always)
    private func deliverBytes(on stream: SynchronousStream, of core: StreamCore) throws {
        if !core.unread.isEmpty { try deliverUnread(on: stream, of: core) }
        if hasStaged { try deliverStaged(on: stream, of: core) }
        if core.readCredit > 0 { try deliverByReading(on: stream, of: core) }
    }

    // What is not the usual turn is out of line, and so leaves the registers to that.
    @inline(never)
    private func deliverUnread(on stream: SynchronousStream, of core: StreamCore) throws {
        while !core.unread.isEmpty, !isHeld, core.machine.life == .open {
            let bytes = core.takeFirst()
            try handler.received(bytes.bytes, on: stream)
            if core.unsent.byteCount >= Int(core.unsentHighWater) { pause() }
        }
    }

    @inline(never)
    private func deliverByReading(on stream: SynchronousStream, of core: StreamCore) throws {
        while core.readCredit > 0, !isHeld, core.machine.life == .open {
            let memory = unsafe core.loop.stage.turn
            let count = unsafe core.receive(within: memory)
            guard count > 0 else { return }
            // Valid until the next read, which comes after the call.
            let bytes = unsafe RawSpan(_unsafeStart: memory.baseAddress!, byteCount: count)
            try handler.received(bytes, on: stream)
            if core.unsent.byteCount >= Int(core.unsentHighWater) { pause() }
        }
    }

    /// The unsent bytes are too many: no more bytes until they are few, and then `drained`.
    func pause() {
        wasAboveHighWater = true
        isHeld = true
        hasNews = true
    }

    /// The first turn, and turns after the unsent bytes were too many.
    @inline(never)
    private func deliverStart(on stream: SynchronousStream, of core: StreamCore) throws {
        if !isOpened {
            isOpened = true
            hasNews = false
            try handler.opened(stream)
            if core.unsent.byteCount >= Int(core.unsentHighWater) { pause() }
        }
        if wasAboveHighWater, core.unsent.byteCount <= core.settings.limits.unsentLowWater {
            wasAboveHighWater = false
            isHeld = false
            hasNews = false
            if core.machine.canWrite { try handler.drained(stream) }
            // What it wrote may be too much again, and then it is owed another call.
            if core.unsent.byteCount >= Int(core.unsentHighWater) { pause() }
        }
    }

    @inline(never)
    private func deliverEnd(on stream: SynchronousStream, of core: StreamCore) {
        if core.machine.life == .open, core.machine.readSide == .failed {
            core.beginClose()
        } else if core.machine.life == .open, core.unread.isEmpty, !isEndDelivered, thrown == nil {
            isEndDelivered = true
            do {
                try handler.inputEnded(on: stream)
            } catch {
                fail(error, core)
            }
        }
        if core.machine.life == .closed, !isClosedDelivered {
            isClosedDelivered = true
            handler.closed(thrown ?? core.failure)
            core.isHandlingOver = true
        }
    }

    @inline(never)
    private func fail(_ error: any Error, _ core: StreamCore) {
        thrown = error
        isHeld = true
        core.sendGathered()
        core.beginClose()
    }
}
