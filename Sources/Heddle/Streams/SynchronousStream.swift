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
        core.enqueue(bytes)
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
    public func shutdownWrite() { core.beginShutdownWrite() }

    /// Closes the stream once everything written is sent.
    public func close() { core.beginClose() }

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
        let count = bytes.byteCount
        if count < Self.straightOutBytes {
            enqueue(loop.pool.copy(bytes))
        } else {
            sendOrEnqueue(bytes)
        }
    }

    @inline(never)
    private final func sendOrEnqueue(_ bytes: RawSpan) {
        var sent = 0
        if unsent.isEmpty, phase == .open {
            let result = unsafe bytes.withUnsafeBytes { unsafe tryWrite($0) }
            if result < 0, result != Int(UVStatus.again) {
                broke(IOError(nil, "write to", on: subject, UVError(status: Int32(result))))
                return
            }
            sent = max(0, result)
            sentTotal &+= UInt64(sent)
        }
        if sent < bytes.byteCount { enqueue(loop.pool.copy(bytes.extracting(droppingFirst: sent))) }
    }
}
