internal import CLibuv

/// A libuv stream: bytes both ways. A subclass gives it memory to read into and takes what happens.
///
/// Everything here belongs to the loop's thread.
class UVStream: UVHandle {
    /// A TCP stream with no socket yet: `open` or `connect` gives it one.
    init(tcpOn loop: UVLoop) throws(UVError) {
        try unsafe super.init(kind: .tcp, type: UV_TCP, loop: loop) {
            unsafe uv_tcp_init($0, $1.assumingMemoryBound(to: uv_tcp_t.self))
        }
    }

    // MARK: What a subclass answers

    /// Memory for the next read; asked right before it.
    func lendBuffer() -> UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    /// `count` bytes lie in the memory lent last.
    func didRead(count: Int) {}

    /// Nothing more can be read: `endOfFile`, or an error.
    func didEndReading(status: Int32) {}

    /// The queued write is done, or failed with `status`.
    func didWrite(status: Int32) {}

    /// The connection attempt is done, or failed with `status`.
    func didConnect(status: Int32) {}

    // MARK: Reading

    /// Reads from now on, until stopped.
    final func startReading() throws(UVError) {
        let status = unsafe uv_read_start(
            raw(as: uv_stream_t.self),
            { handle, _, buffer in
                let owner = unsafe Unmanaged<UVStream>.fromOpaque(handle.unsafelyUnwrapped.pointee.data)
                let memory = unsafe owner._withUnsafeGuaranteedRef { unsafe $0.lendBuffer() }
                unsafe buffer.unsafelyUnwrapped.pointee.base =
                    memory.baseAddress?.assumingMemoryBound(to: CChar.self)
                unsafe buffer.unsafelyUnwrapped.pointee.len = memory.count
            },
            { handle, count, _ in
                // A count of 0 is EAGAIN: nothing happened.
                if count == 0 { return }
                let owner = unsafe Unmanaged<UVStream>.fromOpaque(handle.unsafelyUnwrapped.pointee.data)
                unsafe owner._withUnsafeGuaranteedRef {
                    count > 0
                        ? $0.didRead(count: count)
                        : $0.didEndReading(status: Int32(truncatingIfNeeded: count))
                }
            })
        try UVError.check(status)
    }

    final func stopReading() {
        _ = unsafe uv_read_stop(raw(as: uv_stream_t.self))
    }

    // MARK: Writing

    /// Most slices one write carries; the kernel's IOV_MAX is 1,024, and a tick rarely makes more.
    static let maximumSlices = 64

    /// Writes what the kernel takes at once; the number of bytes, or a negative status.
    @inline(__always)
    final func tryWrite(_ bytes: UnsafeRawBufferPointer) -> Int {
        // libuv only reads through the pointer, which it types as mutable.
        let base = unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        var buffer = unsafe uv_buf_t(
            base: base?.assumingMemoryBound(to: CChar.self), len: bytes.count)
        return unsafe Int(uv_try_write(hotRaw(as: uv_stream_t.self), &buffer, 1))
    }

    /// The same for the first slices of a queue.
    final func tryWrite(_ queue: borrowing ByteQueue) -> Int {
        unsafe withBuffers(of: queue) { buffers in
            unsafe Int(
                uv_try_write(
                    raw(as: uv_stream_t.self), buffers.baseAddress, UInt32(buffers.count)))
        }
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
                let owner = unsafe Unmanaged<UVStream>.fromOpaque(request!.pointee.handle.pointee.data)
                unsafe request!.deallocate()
                unsafe owner._withUnsafeGuaranteedRef { $0.didWrite(status: status) }
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
