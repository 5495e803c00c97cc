internal import Glibc
public import SystemPackage

/// One datagram over a Unix-domain socket: its bytes, the address it came from or goes to, and what travels with it.
///
/// What a socket received can be sent back as it is, descriptors included.
public struct UnixDatagram: Sendable, Hashable {
    /// Most file descriptors that go with one datagram.
    public static let maximumDescriptors = UVStream.maximumDescriptorsPerMessage

    /// The bytes; there may be none.
    public var bytes: Bytes
    /// The sender's address, for an answer, or the destination's. nil is a sender without a name, and goes to
    /// where the socket is connected.
    public var remoteAddress: UnixAddress?
    /// File descriptors that came, or go along. Those that came are duplicates of the sender's, closed on exec, and
    /// the receiver's to close. Sending gives none away.
    public var descriptors: [FileDescriptor]
    /// Who sent it, if ``UnixDatagramOptions/receivesCredentials``.
    public internal(set) var credentials: PeerCredentials?
    /// Whether the datagram was longer than ``UnixDatagramOptions/maximumDatagramBytes``: the rest of it is lost.
    public internal(set) var isTruncated = false
    /// Whether descriptors came with it that are lost: this process has no room for them, or the options take
    /// none. Then ``descriptors`` is empty.
    public internal(set) var areDescriptorsLost = false

    /// A datagram to send to `address`; nil is for a connected socket.
    ///
    /// - Parameters:
    ///   - bytes: its bytes.
    ///   - address: where it goes.
    ///   - descriptors: at most ``maximumDescriptors``. They stay the caller's, who keeps them open until the
    ///     datagram is sent.
    public init(
        _ bytes: Bytes, to address: UnixAddress? = nil, descriptors: [FileDescriptor] = []
    ) {
        self.bytes = bytes
        remoteAddress = address
        self.descriptors = descriptors
    }
}

extension UnixDatagram: DatagramMessage {
    static var mayHaveDescriptors: Bool { true }
    var descriptorCount: Int { descriptors.count }

    func discard() {
        for descriptor in descriptors { Glibc.close(descriptor.rawValue) }
    }

    func sendWithDescriptors(from socket: Socket, to address: UnixAddress?) -> Int32 {
        guard descriptors.count <= Self.maximumDescriptors else { return -E2BIG }
        let numbers = descriptors.map(\.rawValue)
        // The bytes and the address live for the call.
        return unsafe bytes.withUnsafeBytes { memory in
            guard let address else {
                return unsafe LinuxCalls.send(
                    memory, with: numbers, to: nil, from: socket.descriptor)
            }
            return unsafe address.withSockaddr { name, length in
                unsafe LinuxCalls.send(
                    memory, with: numbers, to: (name, length), from: socket.descriptor)
            }
        }
    }
}
