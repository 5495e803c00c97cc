internal import CLibuv
internal import Glibc

/// Streams that read messages: bytes and the file descriptors that come with them, which libuv's own reading would
/// lose.
// Unsafe: the system reads and writes what it is passed during the call only, within the counts.
extension UVStream {
    /// Most descriptors one message carries; the kernel's SCM_MAX_FD.
    static let maximumDescriptorsPerMessage = Int(HEDDLE_DESCRIPTORS_PER_MESSAGE)

    /// Has `receiveMessages` called whenever something can be read, until stopped.
    final func startReadingMessages() throws(UVError) {
        let status = unsafe uv_read_start(
            raw(as: uv_stream_t.self),
            { _, _, buffer in
                // Of no memory libuv reads nothing, and says so below.
                unsafe buffer.unsafelyUnwrapped.pointee = uv_buf_t(base: nil, len: 0)
            },
            { handle, _, _ in
                let owner = unsafe Unmanaged<UVStream>.fromOpaque(
                    handle.unsafelyUnwrapped.pointee.data)
                unsafe owner._withUnsafeGuaranteedRef { $0.receiveMessages() }
            })
        try UVError.check(status)
    }

    /// Reads into `memory` without waiting, and takes the descriptors that came with what it read.
    ///
    /// - Returns: the number of bytes, 0 at the end of the input, or a negative status; and whether descriptors
    ///   were lost, since this process may have no more.
    final func receiveMessage(
        into memory: UnsafeMutableRawBufferPointer, _ descriptors: inout [Int32]
    ) -> (count: Int, areLost: Bool) {
        var areLost: Int32 = 0
        var count = 0
        descriptors = unsafe [Int32](unsafeUninitializedCapacity: Self.maximumDescriptorsPerMessage)
        { found, foundCount in
            var number: UInt32 = 0
            unsafe count = heddle_receive_descriptors(
                descriptor, memory.baseAddress, memory.count, found.baseAddress, &number, &areLost)
            if count < 0 { count = errno == EINTR ? Int(UVStatus.again) : Int(-errno) }
            foundCount = Int(number)
        }
        return (count, areLost != 0)
    }

    /// Writes what the kernel takes at once of `bytes`, and the descriptors with the first of them; the number of
    /// bytes, or a negative status, and then no descriptor went.
    final func send(_ bytes: UnsafeRawBufferPointer, with descriptors: [Int32]) -> Int {
        let sent = unsafe heddle_send_descriptors(
            descriptor, bytes.baseAddress, bytes.count, descriptors, UInt32(descriptors.count), nil,
            0)
        if sent >= 0 { return sent }
        return errno == EINTR ? Int(UVStatus.again) : Int(-errno)
    }
}
