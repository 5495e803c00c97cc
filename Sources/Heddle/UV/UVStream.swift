internal import CLibuv
internal import Glibc

/// A libuv stream: bytes both ways. A subclass gives it memory to read into and takes what happens.
///
/// Everything here belongs to the loop's thread.
// Exclusivity: `descriptor` is read and set by single statements.
class UVStream: UVHandle {
    /// The socket, which is libuv's to close; -1 before there is one and after the close.
    @safe @exclusivity(unchecked) final var descriptor: Int32 = -1

    /// A TCP stream with no socket yet: `open` or `connect` gives it one.
    init(tcpOn loop: UVLoop) throws(UVError) {
        try unsafe super.init(kind: .tcp, type: UV_TCP, loop: loop) {
            unsafe uv_tcp_init($0, $1.assumingMemoryBound(to: uv_tcp_t.self))
        }
    }

    /// A stream of a descriptor that is no socket, or need not be one: `open(pipe:)` gives it that.
    init(pipeOn loop: UVLoop) throws(UVError) {
        try unsafe super.init(kind: .pipe, type: UV_NAMED_PIPE, loop: loop) {
            unsafe uv_pipe_init($0, $1.assumingMemoryBound(to: uv_pipe_t.self), 0)
        }
    }

    final override func didClose() {
        descriptor = -1
        streamDidClose()
    }

    // MARK: What a subclass answers

    /// The stream is closed and its memory gone.
    func streamDidClose() {}

    /// Memory for the next read; asked right before it. Of none, nothing is read, and `didBecomeReadable`
    /// follows.
    func lendBuffer() -> UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    /// `count` bytes lie in the memory lent last.
    func didRead(count: Int) {}

    /// Something can be read that no memory was lent for.
    func didBecomeReadable() {}

    /// Nothing more can be read: `endOfFile`, or an error.
    func didEndReading(status: Int32) {}

    /// The queued write is done, or failed with `status`.
    func didWrite(status: Int32) {}

    /// The connection attempt is done, or failed with `status`.
    func didConnect(status: Int32) {}

    /// Whether the stream reads itself, by `receiveMessages`, to get the descriptors that come with bytes.
    var receivesMessages: Bool { false }

    /// Something can be read, or the input has ended, and `receivesMessages`.
    func receiveMessages() {}

    // MARK: Reading

    /// Reads from now on, until stopped.
    final func startReading() throws(UVError) {
        if receivesMessages { return try startReadingMessages() }
        let status = unsafe uv_read_start(raw(as: uv_stream_t.self), onAllocate, onRead)
        try UVError.check(status)
    }

    final func stopReading() {
        // `raw` refuses a closed handle.
        _ = unsafe uv_read_stop(raw(as: uv_stream_t.self))
    }

    /// Reads what has come into `memory`, without waiting; the number of bytes, 0 at the end of the input,
    /// or a negative status.
    @inline(__always)
    final func receive(into memory: UnsafeMutableRawBufferPointer) -> Int {
        let count = unsafe Glibc.read(descriptor, memory.baseAddress, memory.count)
        return count >= 0 ? count : Self.statusOfFailedCall()
    }

    // MARK: Writing

    /// Most slices one write carries; the kernel's IOV_MAX is 1,024, and a tick rarely makes more.
    static let maximumSlices = 64

    /// Writes what the kernel takes at once; the number of bytes, or a negative status.
    ///
    /// Straight to the descriptor: with nothing queued in libuv, which callers have made sure of,
    /// `uv_try_write` does the same with 130 instructions more, and cannot keep SIGPIPE away.
    @inline(__always)
    final func tryWrite(_ bytes: UnsafeRawBufferPointer) -> Int {
        // What is no socket knows no flags: see `ProcessSetup` for SIGPIPE.
        let sent =
            unsafe kind == .tcp
            ? Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            : Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        return sent >= 0 ? sent : Self.statusOfFailedCall()
    }

    /// The same for the first slices of a queue.
    final func tryWrite(_ queue: borrowing ByteQueue) -> Int {
        unsafe withBuffers(of: queue) { buffers in
            // On Linux a libuv buffer is laid out as the system's own.
            let vectors = unsafe UnsafeMutableRawPointer(buffers.baseAddress)?
                .assumingMemoryBound(to: iovec.self)
            if kind != .tcp {
                let sent = unsafe Glibc.writev(descriptor, vectors, Int32(buffers.count))
                return sent >= 0 ? sent : Self.statusOfFailedCall()
            }
            var message = unsafe msghdr()
            unsafe message.msg_iov = vectors
            unsafe message.msg_iovlen = buffers.count
            let sent = unsafe Glibc.sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
            return sent >= 0 ? sent : Self.statusOfFailedCall()
        }
    }

    /// A call that a signal broke off is as one that would have to wait: it is tried again.
    private static func statusOfFailedCall() -> Int {
        errno == EINTR ? Int(UVStatus.again) : Int(-errno)
    }

    /// Queues a write of the first slices of `queue`, which the caller keeps until `didWrite`.
    ///
    /// - Returns: how many bytes are under way.
    final func write(_ queue: borrowing ByteQueue) throws(UVError) -> Int {
        var bytes = 0
        let status = unsafe withBuffers(of: queue) { buffers in
            for index in buffers.indices { unsafe bytes += buffers[index].len }
            let request = UnsafeMutablePointer<uv_write_t>.allocate(capacity: 1)
            // libuv holds the request until its callback, and finds the stream through the handle.
            let status = unsafe uv_write(
                request, raw(as: uv_stream_t.self), buffers.baseAddress, UInt32(buffers.count)
            ) { request, status in
                let owner = unsafe Unmanaged<UVStream>.fromOpaque(
                    request!.pointee.handle.pointee.data)
                unsafe request!.deallocate()
                unsafe owner._withUnsafeGuaranteedRef {
                    $0.didWrite(status: status)
                    $0.uvLoop.needsTurn()
                }
            }
            if status < 0 { unsafe request.deallocate() }
            return status
        }
        try UVError.check(status)
        return bytes
    }

    private final func withBuffers<R>(
        of queue: borrowing ByteQueue, _ body: (UnsafeMutableBufferPointer<uv_buf_t>) -> R
    ) -> R {
        let count = min(queue.sliceCount, Self.maximumSlices)
        return unsafe withUnsafeTemporaryAllocation(of: uv_buf_t.self, capacity: count) { buffers in
            for index in 0..<count {
                // The queue holds the slice, so the memory stays when the borrow here ends.
                unsafe queue[index].withUnsafeBytes { bytes in
                    let base = unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)
                    unsafe buffers.initializeElement(
                        at: index,
                        to: uv_buf_t(
                            base: base?.assumingMemoryBound(to: CChar.self), len: bytes.count))
                }
            }
            return unsafe body(buffers)
        }
    }
}

// The callbacks of a read: functions, since the compiler leaves a closure behind a thunk, which each read would pass.

/// libuv asks for memory.
@inline(__always)
private func onAllocate(
    _ handle: UnsafeMutablePointer<uv_handle_t>?, _: Int, _ buffer: UnsafeMutablePointer<uv_buf_t>?
) {
    let memory = unsafe owner(of: handle)._withUnsafeGuaranteedRef { unsafe $0.lendBuffer() }
    unsafe buffer.unsafelyUnwrapped.pointee.base =
        memory.baseAddress?.assumingMemoryBound(to: CChar.self)
    unsafe buffer.unsafelyUnwrapped.pointee.len = memory.count
}

/// libuv has read, or could not.
@inline(__always)
private func onRead(
    _ handle: UnsafeMutablePointer<uv_stream_t>?, _ count: Int, _: UnsafePointer<uv_buf_t>?
) {
    unsafe owner(of: handle)._withUnsafeGuaranteedRef { stream in
        if count > 0 { return stream.didRead(count: count) }
        // A count of 0 is EAGAIN: nothing happened.
        if count == 0 { return }
        if count == Int(UVStatus.noBuffers) { return stream.didBecomeReadable() }
        stream.didEndReading(status: Int32(truncatingIfNeeded: count))
    }
}

@inline(__always)
private func owner<Handle>(of handle: UnsafeMutablePointer<Handle>?) -> Unmanaged<UVStream> {
    // `data` is set before anything is read.
    unsafe Unmanaged.fromOpaque(
        UnsafeRawPointer(handle.unsafelyUnwrapped).assumingMemoryBound(to: uv_handle_t.self)
            .pointee.data.unsafelyUnwrapped)
}
