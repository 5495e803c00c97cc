import Glibc

@testable import Heddle

/// Datagrams over a plain socket of the system: the other end in tests.
extension RawSocket {
    static func datagrams(boundTo address: SocketAddress = .loopback(port: 0)) throws -> RawSocket {
        let family = address.isIPv4 ? AF_INET : AF_INET6
        let socket = RawSocket(
            socket(family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        guard address.withSockaddr({ bind(socket.descriptor, $0, $1) }) == 0 else {
            let number = errno
            socket.close()
            throw Failure(call: "bind", number: number)
        }
        return socket
    }

    func sendDatagram(_ bytes: [UInt8], to address: SocketAddress) throws {
        let sent = address.withSockaddr { sendto(descriptor, bytes, bytes.count, 0, $0, $1) }
        guard sent == bytes.count else { throw Failure(call: "sendto", number: errno) }
    }

    /// The next datagram, which somebody has sent already or will.
    func receiveDatagram() throws -> [UInt8] {
        try readOnce(upTo: 1 << 16)
    }

    /// Fills the queue of the receiver at `address` with "full", from as many sockets as that takes: where it may be long
    /// (net.unix.max_dgram_qlen), the send buffer of one is full before it is.
    static func fillQueue(of address: UnixAddress) throws {
        while true {
            let sender = try connected(to: address, type: SOCK_DGRAM)
            // What it has sent stays.
            defer { sender.close() }
            guard sender.writeWhatFits(Array("full".utf8)) > 0 else { return }
            while sender.writeWhatFits(Array("full".utf8)) > 0 {}
        }
    }

    /// Addresses of this machine, each another, that nothing is bound to any more, nor will be. Their ports are
    /// none that the kernel chooses (ip(7): from 32768 on), since it chooses at random, and might give the next
    /// socket the one that was closed just now.
    static func closedAddresses(_ count: Int, ip: String = "127.0.0.1") throws -> [SocketAddress] {
        var sockets: [RawSocket] = []
        defer { for socket in sockets { socket.close() } }
        while sockets.count < count {
            let address = try SocketAddress(ip: ip, port: .random(in: 10_000..<30_000))
            do {
                sockets.append(try datagrams(boundTo: address))
            } catch let failure as Failure where failure.number == EADDRINUSE {}
        }
        return sockets.map(\.address)
    }

    /// One such address.
    static func closedAddress(ip: String = "127.0.0.1") throws -> SocketAddress {
        try closedAddresses(1, ip: ip)[0]
    }
}
