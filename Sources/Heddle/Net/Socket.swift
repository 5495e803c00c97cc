internal import Glibc

/// A socket descriptor that is not a stream or listener yet, or belongs to a listener. Whoever holds
/// it closes it or hands it on.
// Unsafe: the system reads and writes what it is passed during the call only, within the length.
struct Socket {
    let descriptor: Int32

    /// A new non-blocking stream socket of the address's family.
    init(for address: SocketAddress) throws {
        let family = address.isIPv4 ? AF_INET : AF_INET6
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = socket(family, type, 0)
        guard descriptor >= 0 else {
            throw IOError(errno: errno, "open a socket for", on: "\(address)")
        }
    }

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    func close() {
        _ = Glibc.close(descriptor)
    }

    func set(_ option: Int32, level: Int32 = SOL_SOCKET, to value: Int, named name: String) throws {
        var value = Int32(clamping: value)
        let status = unsafe setsockopt(
            descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        guard status == 0 else { throw IOError(errno: errno, "set \(name)", on: "\(value)") }
    }

    /// Sets what `options` ask for. Set on a listening socket, its connections inherit it.
    func apply(_ options: TCPOptions) throws {
        if options.noDelay {
            try set(TCP_NODELAY, level: Int32(IPPROTO_TCP), to: 1, named: "noDelay")
        }
        if let bytes = options.receiveBufferBytes {
            try set(SO_RCVBUF, to: bytes, named: "receiveBufferBytes")
        }
        if let bytes = options.sendBufferBytes {
            try set(SO_SNDBUF, to: bytes, named: "sendBufferBytes")
        }
        if let idle = options.keepAlive {
            let seconds = Int(idle.components.seconds)
            try set(SO_KEEPALIVE, to: 1, named: "keepAlive")
            try set(TCP_KEEPIDLE, level: Int32(IPPROTO_TCP), to: seconds, named: "keepAlive")
        }
    }

    func bind(to address: SocketAddress) throws {
        let status = unsafe address.withSockaddr { unsafe Glibc.bind(descriptor, $0, $1) }
        guard status == 0 else { throw IOError(errno: errno, "listen on", on: "\(address)") }
    }

    func listen(backlog: Int, on address: SocketAddress) throws {
        guard Glibc.listen(descriptor, Int32(clamping: backlog)) == 0 else {
            throw IOError(errno: errno, "listen on", on: "\(address)")
        }
    }

    /// Takes a waiting connection: its descriptor, non-blocking, or the error number.
    func accept(from peer: inout sockaddr_storage) -> Result<Int32, SystemErrorNumber> {
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let accepted = unsafe withUnsafeMutablePointer(to: &peer) { pointer in
            unsafe LinuxCalls.accept(
                descriptor, UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self),
                &length)
        }
        return accepted >= 0 ? .success(accepted) : .failure(SystemErrorNumber(errno))
    }

    /// The address of this side, or of the peer; nil if the socket has none of a family known here.
    func address(ofPeer: Bool) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            let head = unsafe UnsafeMutableRawPointer(pointer).assumingMemoryBound(
                to: sockaddr.self)
            return unsafe ofPeer
                ? getpeername(descriptor, head, &length) : getsockname(descriptor, head, &length)
        }
        return status == 0 ? SocketAddress(storage) : nil
    }
}

/// An `errno` as an error.
struct SystemErrorNumber: Error {
    let number: Int32

    init(_ number: Int32) {
        self.number = number
    }
}

extension Socket {
    /// Room for the address of any peer.
    static var emptyStorage: sockaddr_storage { sockaddr_storage() }
}
