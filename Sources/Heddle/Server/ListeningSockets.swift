internal import Glibc

/// The listening sockets of a TCP server: one, or as many as there are loops on one port.
struct ListeningSockets {
    let sockets: [ListeningSocket]
    /// Where they listen, with the port the system chose if 0 was asked for.
    let address: SocketAddress

    /// Binds and listens. Nothing is left open if any of it fails.
    ///
    /// The first socket is bound without SO_REUSEPORT, so that a port somebody else shares is still
    /// reported as in use, and joins the sharing only then.
    init(_ address: SocketAddress, count: Int, options: ListenOptions) throws {
        var opened: [Socket] = []
        do {
            let first = try Self.bound(to: address, sharing: false, options: options)
            opened.append(first)
            let actual = first.address(ofPeer: false) ?? address
            if count > 1 { try first.set(SO_REUSEPORT, to: 1, named: "reuse-port") }
            for _ in 1..<max(1, count) {
                opened.append(try Self.bound(to: actual, sharing: true, options: options))
            }
            for socket in opened { try socket.listen(backlog: options.backlog, on: actual) }
            sockets = opened.map { ListeningSocket(socket: $0) }
            self.address = actual
        } catch {
            for socket in opened { socket.close() }
            throw error
        }
    }

    private static func bound(
        to address: SocketAddress, sharing: Bool, options: ListenOptions
    ) throws -> Socket {
        let socket = try Socket(for: address)
        do {
            try socket.set(SO_REUSEADDR, to: 1, named: "reuse-address")
            if sharing { try socket.set(SO_REUSEPORT, to: 1, named: "reuse-port") }
            if address.isIPv6 {
                let level = Int32(IPPROTO_IPV6)
                try socket.set(
                    IPV6_V6ONLY, level: level, to: options.ipv6Only ? 1 : 0, named: "ipv6Only")
            }
            // Accepted connections inherit these from the socket they were accepted on.
            try socket.apply(options.connection)
            try socket.bind(to: address)
            return socket
        } catch {
            socket.close()
            throw error
        }
    }
}
