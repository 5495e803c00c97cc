internal import CLibuv
internal import Glibc

/// Memory for the datagrams that one recvmmsg(2) brings. Owned by a loop, whose sockets use it in turn: what
/// came is copied out before the next of them receives.
// Unsafe: all memory is allocated in `init` for `capacity` messages and freed in `deinit`; an index is
// below what `receive` returned last, and the kernel says how many bytes of each place it wrote.
@safe final class ReceivedMessages {
    /// Most datagrams one call brings.
    static let capacity = 64
    /// The longest datagram there is: an IPv6 packet without its header, less the header of UDP.
    static let maximumBytes = 65_527
    /// The longest datagram that `receive` can be asked for: all places together.
    static var mostBytes: Int { capacity * placeBytes }
    /// From one place to the next. Not a power of two, which would put the first bytes of all places into the
    /// same few lines of the cache. Places nobody writes to stay without memory behind them.
    private static let placeBytes = 64 * 1024 + 2112

    private let messages: UnsafeMutablePointer<heddle_message>
    private let vectors: UnsafeMutablePointer<iovec>
    private let names: UnsafeMutablePointer<sockaddr_storage>
    private let places: UnsafeMutableRawPointer
    /// Room for control data, once a socket has asked for it.
    private var controls: UnsafeMutableRawPointer?

    // How the memory is laid out now: for datagrams of `limit` bytes with `controlBytes` of control data.
    private var limit = 0
    private var controlBytes = 0
    private var messageCount = 0

    init() {
        let capacity = Self.capacity
        unsafe messages = .allocate(capacity: capacity)
        unsafe vectors = .allocate(capacity: capacity)
        unsafe names = .allocate(capacity: capacity)
        unsafe places = .allocate(byteCount: capacity * Self.placeBytes, alignment: 64)
        for index in 0..<capacity {
            unsafe (names + index).initialize(to: sockaddr_storage())
            unsafe (vectors + index).initialize(to: iovec(iov_base: places, iov_len: 0))
            unsafe (messages + index).initialize(to: heddle_message())
            unsafe messages[index].header.msg_name = UnsafeMutableRawPointer(names + index)
            unsafe messages[index].header.msg_iov = vectors + index
            unsafe messages[index].header.msg_iovlen = 1
            unsafe messages[index].header.msg_namelen = Self.nameBytes
        }
    }

    deinit {
        unsafe messages.deallocate()
        unsafe vectors.deallocate()
        unsafe names.deallocate()
        unsafe places.deallocate()
        unsafe controls?.deallocate()
    }

    private static let nameBytes = socklen_t(MemoryLayout<sockaddr_storage>.size)

    /// Lays the memory out: of datagrams that are longer than a place there is room for fewer.
    private func arrange(_ limit: Int, _ controlBytes: Int) {
        let each = (limit + Self.placeBytes - 1) / Self.placeBytes
        messageCount = Self.capacity / each
        if controlBytes > 0, unsafe controls == nil {
            unsafe controls = .allocate(
                byteCount: Self.capacity * ControlData.mostBytes,
                alignment: MemoryLayout<Int>.alignment)
        }
        for index in 0..<messageCount {
            unsafe vectors[index] = iovec(
                iov_base: places + index * each * Self.placeBytes, iov_len: limit)
            unsafe messages[index].header.msg_control =
                controlBytes > 0 ? controls.unsafelyUnwrapped + index * ControlData.mostBytes : nil
            unsafe messages[index].header.msg_controllen = controlBytes
        }
        self.limit = limit
        self.controlBytes = controlBytes
    }

    /// Receives what waits, without blocking.
    ///
    /// - Parameters:
    ///   - limit: bytes kept of each datagram, at most `mostBytes`.
    ///   - controlBytes: bytes of control data to take along, at most `ControlData.mostBytes`. Then
    ///     `takeControl` must be called for each datagram that comes.
    ///   - most: datagrams that are taken, at least 1.
    /// - Returns: how many datagrams came, or a negative status.
    @inline(__always)
    func receive(
        from descriptor: Int32, limit: Int, controlBytes: Int = 0, atMost most: Int = capacity
    ) -> Int32 {
        if limit != self.limit || controlBytes != self.controlBytes { arrange(limit, controlBytes) }
        let count = unsafe heddle_receive(descriptor, messages, UInt32(min(most, messageCount)))
        return count >= 0 ? count : -errno
    }

    /// The control data that came with a datagram, which may be taken once.
    func takeControl(_ index: Int) -> ControlData {
        let data = unsafe ControlData(of: &messages[index].header)
        // The kernel wrote the length it used; the next call needs the room again.
        unsafe messages[index].header.msg_controllen = controlBytes
        return data
    }

    /// The bytes of a datagram, as many as the limit let in.
    @inline(__always)
    func bytes(_ index: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(
            start: vectors[index].iov_base, count: Int(messages[index].length))
    }

    /// Whether the datagram was longer than the limit.
    @inline(__always)
    func isTruncated(_ index: Int) -> Bool {
        unsafe messages[index].header.msg_flags & Int32(MSG_TRUNC) != 0
    }

    /// Whether file descriptors came with the datagram that are lost.
    func areDescriptorsLost(_ index: Int) -> Bool {
        unsafe messages[index].header.msg_flags & Int32(MSG_CTRUNC) != 0
    }

    /// The sender's `sockaddr`, which may be taken once.
    @inline(__always)
    func takeName(_ index: Int) -> UnsafeRawBufferPointer {
        let count = unsafe min(messages[index].header.msg_namelen, Self.nameBytes)
        // The kernel wrote the length it used; the next call needs the room again.
        unsafe messages[index].header.msg_namelen = Self.nameBytes
        return unsafe UnsafeRawBufferPointer(start: names + index, count: Int(count))
    }
}
