internal import Glibc

/// UDP sockets that something else opened.
extension UDPSocket {
    /// Makes a socket of a UDP socket that something else opened, for example systemd(1), bound or connected or
    /// neither: then the system chooses a port. The new one owns the descriptor from here on and closes it, also when this
    /// fails.
    ///
    /// Of the options ``UDPOptions/ipv6Only`` and ``UDPOptions/sharesAddress`` have no effect: they are for before a
    /// socket is bound.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` if the descriptor is no UDP socket, or for options out of bounds, and
    ///   then it is left alone; else as ``bind(to:on:options:)-(SocketAddress,_,_)``.
    public static func adopting(
        descriptor: Int32, on loop: EventLoop, options: UDPOptions = UDPOptions()
    ) async throws -> UDPSocket {
        try options.validate()
        let socket = Socket(descriptor: descriptor)
        try socket.checkIsUDP()
        let core = loop.core
        return try await core.hop {
            do {
                let local = try socket.bindIfNotBound()
                try socket.apply(options, isIPv6: local.isIPv6)
                return try make(
                    of: socket, "adopt", "descriptor \(descriptor)", local: local,
                    remote: socket.address(ofPeer: true), options: options, on: core)
            } catch {
                socket.close()
                throw error
            }
        }
    }
}

extension Socket {
    /// Has the system choose a port unless the socket has one; its address.
    fileprivate func bindIfNotBound() throws -> SocketAddress {
        guard let found = address(ofPeer: false) else {
            throw IOError(errno: errno, "adopt", on: "descriptor \(descriptor)")
        }
        guard found.port == 0 else { return found }
        let status = unsafe found.withSockaddr { unsafe Glibc.bind(descriptor, $0, $1) }
        guard status == 0 else { throw IOError(errno: errno, "bind to", on: "\(found)") }
        return address(ofPeer: false) ?? found
    }
}
