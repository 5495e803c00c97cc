internal import Glibc

/// An address of one family of datagram sockets.
protocol DatagramAddress: Sendable, Hashable, CustomStringConvertible {
    /// Lends the address as a `sockaddr` and its length.
    func withSockaddr<R, E: Error>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws(E) -> R
    ) throws(E) -> R
}

/// A datagram of one family of sockets, come or to be sent.
protocol DatagramMessage: Sendable {
    associatedtype Address: DatagramAddress

    var bytes: Bytes { get set }
    var remoteAddress: Address? { get }
    /// Whether file descriptors may travel with the bytes.
    static var mayHaveDescriptors: Bool { get }
    /// How many do.
    var descriptorCount: Int { get }

    /// Gives back what it holds besides memory, since nobody gets it.
    func discard()

    /// Sends it and its descriptors, without waiting.
    ///
    /// - Parameter address: where to; nil for where the socket is connected.
    /// - Returns: 0, or a negative status.
    func sendWithDescriptors(from socket: Socket, to address: Address?) -> Int32
}

extension SocketAddress: DatagramAddress {}

extension UnixAddress: DatagramAddress {}

extension Datagram: DatagramMessage {
    // Only sockets of the Unix family pass descriptors.
    @inline(__always) static var mayHaveDescriptors: Bool { false }
    @inline(__always) var descriptorCount: Int { 0 }

    @inline(__always) func discard() {}

    func sendWithDescriptors(from socket: Socket, to address: SocketAddress?) -> Int32 {
        socket.sendDatagram(bytes, to: address)
    }
}
