internal import CLibuv
internal import Glibc

/// Memory for the datagrams that one sendmmsg(2) takes along: each a message of its own, or one of several
/// that leave as one message, which the kernel cuts up again (UDP_SEGMENT). Owned by a loop, whose sockets
/// use it in turn; the datagrams' bytes are held by whoever sends.
// Unsafe: all memory is allocated in `init` for the counts below and freed in `deinit`; an index is below
// the counts in use.
@safe final class OutgoingMessages {
    /// Most messages in one call.
    static let maximumMessages = 64
    /// Most pieces of memory in one call; as many the kernel takes for one message (UIO_MAXIOV).
    static let maximumVectors = 1024
    /// Most datagrams in one message: UDP_MAX_SEGMENTS of kernels before 6.9.
    static let maximumSegments = 64
    /// Most bytes in one message of several datagrams: a packet with its headers has less than 64 KiB.
    static let maximumGroupBytes = 65_000

    private let messages: UnsafeMutablePointer<heddle_message>
    private let vectors: UnsafeMutablePointer<iovec>
    private let names: UnsafeMutablePointer<sockaddr_storage>
    private let controls: UnsafeMutableRawPointer
    private static let controlBytes = Int(HEDDLE_SEGMENT_CONTROL_BYTES)

    private(set) var messageCount = 0
    private var vectorCount = 0
    /// The datagrams in each message.
    private var groups = [Int](repeating: 0, count: maximumMessages)
    /// Of the last message: the bytes of its first datagram, those of all, whether another may join.
    private var segmentBytes = 0
    private var groupBytes = 0
    private var isGroupOpen = false

    init() {
        unsafe messages = .allocate(capacity: Self.maximumMessages)
        unsafe vectors = .allocate(capacity: Self.maximumVectors)
        unsafe names = .allocate(capacity: Self.maximumMessages)
        unsafe controls = .allocate(
            byteCount: Self.maximumMessages * Self.controlBytes,
            alignment: MemoryLayout<Int>.alignment)
    }

    deinit {
        unsafe messages.deallocate()
        unsafe vectors.deallocate()
        unsafe names.deallocate()
        unsafe controls.deallocate()
    }

    func removeAll() {
        messageCount = 0
        vectorCount = 0
        isGroupOpen = false
    }

    var isFull: Bool {
        messageCount == Self.maximumMessages || vectorCount == Self.maximumVectors
    }

    /// The datagrams in the message at `index`.
    func datagramCount(of index: Int) -> Int { groups[index] }

    // MARK: Filling

    /// Adds a datagram as a message of its own, which others may join.
    ///
    /// - Parameters:
    ///   - bytes: held by the caller until `send` has returned.
    ///   - address: where it goes, copied here; nil for where the socket is connected to.
    func append(_ bytes: UnsafeRawBufferPointer, to address: (UnsafePointer<sockaddr>, socklen_t)?)
    {
        let index = messageCount
        let name = unsafe names + index
        var header = unsafe msghdr()
        if let (pointer, length) = unsafe address {
            unsafe UnsafeMutableRawPointer(name).copyMemory(
                from: pointer, byteCount: Int(length))
            unsafe header.msg_name = UnsafeMutableRawPointer(name)
            unsafe header.msg_namelen = length
        }
        unsafe header.msg_iov = vectors + vectorCount
        unsafe header.msg_iovlen = 1
        unsafe (messages + index).initialize(to: heddle_message(header: header, length: 0))
        unsafe setVector(bytes)
        groups[index] = 1
        segmentBytes = bytes.count
        groupBytes = bytes.count
        isGroupOpen = bytes.count > 0
        messageCount = index + 1
    }

    /// Adds a datagram for the same address to the last message; false if it has to be one of its own. All but
    /// the last of a message have the same size.
    @inline(__always)
    func join(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let index = messageCount - 1
        guard isGroupOpen, bytes.count <= segmentBytes, bytes.count > 0,
            groupBytes + bytes.count <= Self.maximumGroupBytes,
            groups[index] < Self.maximumSegments
        else { return false }
        let last = unsafe vectors + (vectorCount - 1)
        if unsafe UnsafeRawPointer(last.pointee.iov_base) + last.pointee.iov_len
            == bytes.baseAddress
        {
            unsafe last.pointee.iov_len += bytes.count
        } else {
            guard vectorCount < Self.maximumVectors else { return false }
            unsafe setVector(bytes)
            unsafe messages[index].header.msg_iovlen += 1
        }
        groups[index] += 1
        groupBytes += bytes.count
        isGroupOpen = bytes.count == segmentBytes
        if groups[index] == 2 {
            unsafe heddle_segment(
                &messages[index].header, controls + index * Self.controlBytes,
                UInt16(segmentBytes))
        }
        return true
    }

    private func setVector(_ bytes: UnsafeRawBufferPointer) {
        unsafe (vectors + vectorCount).initialize(
            to: iovec(
                iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress),
                iov_len: bytes.count))
        vectorCount += 1
    }

    // MARK: Sending

    /// Hands the messages to the kernel, without blocking.
    ///
    /// - Returns: how many it took, from the first on, or the negative status of the first.
    func send(to descriptor: Int32) -> Int32 {
        let count = unsafe heddle_send(descriptor, messages, UInt32(messageCount))
        return count >= 0 ? count : -errno
    }
}
