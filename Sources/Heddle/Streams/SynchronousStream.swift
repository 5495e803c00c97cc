/// A stream as its handler sees it: calls that return at once. To be used on the stream's loop only,
/// which is where the handler is called.
public struct SynchronousStream {
    let core: StreamCore

    /// Writes a copy of `bytes`: what the kernel takes at once if they are many, the rest and small
    /// writes at the end of the tick.
    ///
    /// The bytes are always taken, unless the stream is closed, broken or half-closed, when they are
    /// dropped. See ``isWritable`` for when to hold back.
    public func write(_ bytes: RawSpan) {
        guard core.machine.canWrite else { return }
        core.enqueue(copying: bytes)
    }

    /// Writes `bytes` without copying them.
    public func write(_ bytes: Bytes) {
        guard core.machine.canWrite else { return }
        core.sendGathered()
        core.enqueue(bytes)
        core.holdIfFull()
    }

    /// Writes the UTF-8 bytes of a string.
    public func write(_ string: String) {
        var string = string
        string.withUTF8 { utf8 in
            // The span is used only while the string lends its storage.
            unsafe write(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(utf8)))
        }
    }

    /// Whether the stream takes writes and its unsent bytes are below the high-water mark.
    public var isWritable: Bool { core.canTakeBytes }

    /// Half-close: the peer sees the end after everything written.
    public func shutdownWrite() {
        core.sendGathered()
        core.beginShutdownWrite()
    }

    /// Closes the stream once everything written is sent.
    public func close() {
        core.sendGathered()
        core.beginClose()
    }

    /// Ends the connection at once with a reset; what is unsent is dropped.
    public func reset() { core.reset() }

    /// The loop the stream belongs to; nil once that has ended.
    public var loop: EventLoop? { core.loop.eventLoop }
}

@available(*, unavailable)
extension SynchronousStream: Sendable {}

extension StreamCore {
    /// Takes a copy of `bytes`; of many, only what the kernel does not take at once.
    @inline(__always)
    final func enqueue(copying bytes: RawSpan) {
        if isGathering, unsent.isEmpty, pool.gather(bytes) { return }
        enqueueSlowly(copying: bytes)
    }

    @inline(never)
    private final func enqueueSlowly(copying bytes: RawSpan) {
        sendGathered()
        guard machine.canWrite else { return }
        if bytes.byteCount >= Self.straightOutBytes, unsent.isEmpty,
            mayGoStraightOut(Self.lentStraightOutsPerTurn)
        {
            sendOrEnqueue(bytes)
        } else {
            enqueue(pool.copy(bytes))
        }
        holdIfFull()
    }

    /// Has the handler told when there is room again, also if it wrote outside its turn.
    final func holdIfFull() {
        guard unsent.byteCount >= Int(unsentHighWater), let handling else { return }
        // Held by the stream.
        unsafe handling._withUnsafeGuaranteedRef { $0.pause() }
    }

    /// Tries to send what the handler wrote in this turn, and keeps a copy of what does not go.
    @inline(__always)
    final func sendGathered() {
        if isGathering { sendWhatIsGathered() }
    }

    /// The same in the handler's turn, where there is no need to ask.
    @inline(__always)
    final func sendWhatIsGathered() {
        let bytes = unsafe pool.takeGathered()
        guard bytes.count > 0 else { return }
        // The gathered bytes stay until the next gathering, which cannot begin before this is done.
        unsafe sendOrEnqueue(RawSpan(_unsafeBytes: bytes))
    }

    @inline(__always)
    private final func sendOrEnqueue(_ bytes: RawSpan) {
        var sent = 0
        if unsent.isEmpty, phase == .open, machine.writeSide != .failed {
            // Written during the call; the kernel has its own copy then.
            sent = unsafe bytes.withUnsafeBytes { unsafe tryWrite($0) }
            if sent == bytes.byteCount { return didSend(sent) }
        }
        keepUnsent(bytes, after: sent)
    }

    /// The kernel took `sent` of `bytes`, or said why it did not.
    @inline(never)
    private final func keepUnsent(_ bytes: RawSpan, after sent: Int) {
        if sent < 0, sent != Int(UVStatus.again) {
            broke(IOError(nil, "write to", on: subject, UVError(status: Int32(sent))))
            return
        }
        if sent > 0 { sentTotal &+= UInt64(sent) }
        enqueue(pool.copy(bytes.extracting(droppingFirst: max(0, sent))))
    }
}
