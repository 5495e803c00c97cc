internal import Glibc

/// Sockets of the Unix family.
// Unsafe: the system reads and writes what it is passed during the call only, within the length.
extension Socket {
    /// A new non-blocking socket of the Unix family.
    static func unix(_ type: __socket_type = SOCK_STREAM, for operation: String, on subject: String)
        throws -> Socket
    {
        let flags = SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        let descriptor = socket(AF_UNIX, Int32(type.rawValue | flags), 0)
        guard descriptor >= 0 else { throw IOError(errno: errno, operation, on: subject) }
        return Socket(descriptor: descriptor)
    }

    /// Two connected non-blocking sockets of the Unix family.
    static func unixPair(_ type: __socket_type = SOCK_STREAM) throws -> (Socket, Socket) {
        let flags = SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        var ends: [Int32] = [-1, -1]
        guard unsafe socketpair(AF_UNIX, Int32(type.rawValue | flags), 0, &ends) == 0 else {
            throw IOError(errno: errno, "make", on: "a socket pair")
        }
        return (Socket(descriptor: ends[0]), Socket(descriptor: ends[1]))
    }

    func apply(_ options: UnixOptions) throws {
        if let bytes = options.sendBufferBytes {
            try set(SO_SNDBUF, to: bytes, named: "sendBufferBytes")
        }
    }

    /// 0, or why the socket was not connected. Never waits.
    func connect(to address: UnixAddress) -> Int32 {
        unsafe address.withSockaddr { unsafe Glibc.connect(descriptor, $0, $1) == 0 ? 0 : errno }
    }

    /// 0, or why the socket was not bound.
    func bind(to address: UnixAddress) -> Int32 {
        unsafe address.withSockaddr { unsafe Glibc.bind(descriptor, $0, $1) == 0 ? 0 : errno }
    }

    /// The name of this side, or of the peer; nil if it has none.
    func unixAddress(ofPeer: Bool) -> UnixAddress? {
        var storage = Self.emptyStorage
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            let head = unsafe UnsafeMutableRawPointer(pointer).assumingMemoryBound(
                to: sockaddr.self)
            return unsafe ofPeer
                ? getpeername(descriptor, head, &length) : getsockname(descriptor, head, &length)
        }
        return status == 0 ? UnixAddress(storage, length: length) : nil
    }

    /// Has the system choose an abstract name: autobind in unix(7).
    func bindToAnyName() throws {
        var family = sa_family_t(AF_UNIX)
        // The family alone asks for it.
        let status = unsafe withUnsafePointer(to: &family) { pointer in
            let head = unsafe UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self)
            return unsafe Glibc.bind(
                descriptor, head, socklen_t(MemoryLayout<sa_family_t>.size))
        }
        guard status == 0 else { throw IOError(errno: errno, "bind to", on: "any name") }
    }

    /// Whether the socket's own send buffer is full, whatever room the receiver has. It may be not and poll(2) say
    /// that the socket cannot be written to: that waits until three quarters are free.
    var isSendBufferFull: Bool {
        var limit: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let status = unsafe getsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &limit, &length)
        return status == 0 && LinuxCalls.unreceivedBytes(of: descriptor) >= limit
    }
}
