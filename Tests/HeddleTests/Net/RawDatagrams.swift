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

    /// An address of this machine that nothing is bound to any more.
    static func closedAddress(ip: String = "127.0.0.1") throws -> SocketAddress {
        let socket = try datagrams(boundTo: SocketAddress(ip: ip, port: 0))
        defer { socket.close() }
        return socket.address
    }
}
