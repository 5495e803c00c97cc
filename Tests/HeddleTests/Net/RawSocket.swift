import Glibc
import SystemPackage

@testable import Heddle

/// A plain socket of the system, without Heddle: the other end in tests, which can do what Heddle's
/// streams never would. Whoever made it closes it.
struct RawSocket: Sendable {
    struct Failure: Error {
        let call: String
        let number: Int32
    }

    let descriptor: Int32

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    // MARK: Making

    static func listening(
        on address: SocketAddress = .loopback(port: 0), backlog: Int32 = 128,
        receiveBufferBytes: Int? = nil
    ) throws -> RawSocket {
        let socket = try RawSocket(streamOf: address)
        do {
            if let receiveBufferBytes { socket.set(SO_RCVBUF, to: receiveBufferBytes) }
            let status = address.withSockaddr { bind(socket.descriptor, $0, $1) }
            try check(status, "bind")
            try check(listen(socket.descriptor, backlog), "listen")
            return socket
        } catch {
            socket.close()
            throw error
        }
    }

    /// Connects, blocking; the kernel answers for a listener on this machine.
    static func connected(
        to address: SocketAddress, receiveBufferBytes: Int? = nil
    ) throws -> RawSocket {
        let socket = try RawSocket(streamOf: address)
        do {
            if let receiveBufferBytes { socket.set(SO_RCVBUF, to: receiveBufferBytes) }
            let status = address.withSockaddr { connect(socket.descriptor, $0, $1) }
            try check(status, "connect")
            return socket
        } catch {
            socket.close()
            throw error
        }
    }

    /// Both ends of a pipe; the writing one is what tests send away.
    static func pipe() throws -> (end: RawSocket, sent: FileDescriptor) {
        let (reading, writing) = try FileDescriptor.pipe()
        for end in [reading, writing] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
        return (RawSocket(reading.rawValue), writing)
    }

    /// Two connected stream sockets of the Unix family.
    static func pair() throws -> (RawSocket, RawSocket) {
        var ends: [Int32] = [-1, -1]
        try check(
            socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends),
            "socketpair")
        return (RawSocket(ends[0]), RawSocket(ends[1]))
    }

    /// Binds a socket of the Unix family, without making it listen.
    static func bound(
        to address: UnixAddress, type: __socket_type = SOCK_STREAM
    ) throws -> RawSocket {
        let socket = try RawSocket(unix: type)
        do {
            try check(address.withSockaddr { bind(socket.descriptor, $0, $1) }, "bind")
            return socket
        } catch {
            socket.close()
            throw error
        }
    }

    static func listening(on address: UnixAddress, backlog: Int32 = 128) throws -> RawSocket {
        let socket = try bound(to: address)
        listen(socket.descriptor, backlog)
        return socket
    }

    /// Connects, blocking.
    static func connected(
        to address: UnixAddress, type: __socket_type = SOCK_STREAM
    ) throws -> RawSocket {
        let socket = try RawSocket(unix: type)
        do {
            try check(address.withSockaddr { connect(socket.descriptor, $0, $1) }, "connect")
            return socket
        } catch {
            socket.close()
            throw error
        }
    }

    private init(unix type: __socket_type) throws {
        descriptor = socket(AF_UNIX, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try Self.check(descriptor, "socket")
    }

    private init(streamOf address: SocketAddress) throws {
        let family = address.isIPv4 ? AF_INET : AF_INET6
        descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try Self.check(descriptor, "socket")
    }

    /// Takes a connection, blocking until there is one.
    func accept() throws -> RawSocket {
        let accepted = Glibc.accept(descriptor, nil, nil)
        try Self.check(accepted, "accept")
        return RawSocket(accepted)
    }

    // MARK: Asking

    /// The address of this side.
    var address: SocketAddress {
        Socket(descriptor: descriptor).address(ofPeer: false)!
    }

    func option(_ name: Int32, level: Int32 = SOL_SOCKET) -> Int32 {
        var value: Int32 = -1
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, level, name, &value, &length)
        return value
    }

    func set(_ name: Int32, level: Int32 = SOL_SOCKET, to value: Int) {
        var value = Int32(value)
        setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Waits until there is something to read, an end or an error; false if that takes too long.
    func waitReadable(milliseconds: Int32 = 10_000) -> Bool {
        var entry = pollfd(descriptor: descriptor, events: Int16(POLLIN))
        return poll(&entry, 1, milliseconds) == 1
    }

    // MARK: Bytes

    /// One read(2) of what has come, once something has; empty at the end of the input.
    func readOnce(upTo limit: Int = 1 << 20) throws -> [UInt8] {
        guard waitReadable() else { throw Failure(call: "poll", number: ETIMEDOUT) }
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = Glibc.read(descriptor, &buffer, limit)
        try Self.check(Int32(count), "read")
        return Array(buffer.prefix(count))
    }

    func read(exactly count: Int) throws -> [UInt8] {
        var found: [UInt8] = []
        while found.count < count {
            let piece = try readOnce(upTo: count - found.count)
            if piece.isEmpty { throw Failure(call: "read", number: 0) }
            found += piece
        }
        return found
    }

    func readToEnd() throws -> [UInt8] {
        var found: [UInt8] = []
        while true {
            let piece = try readOnce()
            if piece.isEmpty { return found }
            found += piece
        }
    }

    /// Writes all, blocking.
    func write(_ bytes: [UInt8]) throws {
        var start = 0
        while start < bytes.count {
            let sent = bytes.withUnsafeBytes {
                send(descriptor, $0.baseAddress! + start, $0.count - start, Int32(MSG_NOSIGNAL))
            }
            try Self.check(Int32(sent), "send")
            start += sent
        }
    }

    func write(_ text: String) throws {
        try write(Array(text.utf8))
    }

    /// Writes what the kernel takes without blocking; how much that was.
    func writeWhatFits(_ bytes: [UInt8]) -> Int {
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        return bytes.withUnsafeBytes { max(0, send(descriptor, $0.baseAddress!, $0.count, flags)) }
    }

    // MARK: Ending

    func shutdownWrite() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    func close() {
        _ = Glibc.close(descriptor)
    }

    /// Closes so that the peer gets a reset: for TCP by not lingering, for Unix sockets the kernel does
    /// it by itself if bytes are left unread.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    private static func check(_ status: Int32, _ call: String) throws {
        guard status >= 0 else { throw Failure(call: call, number: errno) }
    }
}

extension pollfd {
    fileprivate init(descriptor: Int32, events: Int16) {
        self.init(fd: descriptor, events: events, revents: 0)
    }
}

extension UnixAddress {
    /// An abstract name that nobody else has.
    static func forTest() -> UnixAddress {
        // The text is short and has no NUL.
        try! UnixAddress(abstract: "heddle-test-\(getpid())-\(UInt64.random(in: 0 ... .max))")
    }
}
