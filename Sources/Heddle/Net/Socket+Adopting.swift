internal import Glibc

/// What a descriptor must be that something else opened and a socket here is to take over.
// Unsafe: the system writes what it is passed during the call only, within the length.
extension Socket {
    /// Throws unless the descriptor is an open, connected stream socket.
    func checkIsStreamSocket() throws {
        try check(SO_TYPE, is: Int32(SOCK_STREAM.rawValue), else: "not a stream socket")
        guard hasPeer else { throw cannotAdopt("not connected") }
    }

    /// Throws unless the descriptor is an open UDP socket.
    func checkIsUDP() throws {
        try check(SO_TYPE, is: Int32(SOCK_DGRAM.rawValue), else: "not a datagram socket")
        // Of IPv4 or IPv6: no other family has it.
        try check(SO_PROTOCOL, is: Int32(IPPROTO_UDP), else: "not a UDP socket")
    }

    /// Throws unless the descriptor is an open datagram socket of the Unix family.
    func checkIsUnixDatagramSocket() throws {
        try check(SO_TYPE, is: Int32(SOCK_DGRAM.rawValue), else: "not a datagram socket")
        try checkIsUnix()
    }

    /// Throws unless the descriptor is an open socket of the Unix family.
    func checkIsUnix() throws {
        try check(SO_DOMAIN, is: AF_UNIX, else: "not a Unix-domain socket")
    }

    /// Whether the socket is connected, were it to a peer without a name.
    var hasPeer: Bool {
        var peer = Self.emptyStorage
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &peer) { pointer in
            unsafe getpeername(
                descriptor, UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self),
                &length) == 0
        }
    }

    private func check(_ option: Int32, is wanted: Int32, else reason: String) throws {
        var found: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, option, &found, &length) == 0 else {
            throw IOError(errno: errno, "adopt", on: "descriptor \(descriptor)")
        }
        guard found == wanted else { throw cannotAdopt(reason) }
    }

    private func cannotAdopt(_ reason: String) -> IOError {
        IOError(.invalidArgument, "adopt", on: "descriptor \(descriptor)", reason: reason)
    }
}
