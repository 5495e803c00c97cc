/// Who is at the other end of a Unix-domain connection, as the kernel vouches for: the process that connected,
/// or that began to listen (SO_PEERCRED of unix(7)); of a datagram, the process that sent it.
public struct PeerCredentials: Sendable, Hashable, CustomStringConvertible {
    /// The process; 0 for one that this process cannot see, as in another PID namespace. The number may be
    /// another process's by now.
    public let processID: Int32
    /// The effective user.
    public let userID: UInt32
    /// The effective group.
    public let groupID: UInt32

    init(processID: Int32, userID: UInt32, groupID: UInt32) {
        self.processID = processID
        self.userID = userID
        self.groupID = groupID
    }

    /// `process 41, user 1000, group 1000`.
    public var description: String {
        "process \(processID), user \(userID), group \(groupID)"
    }
}

extension PeerCredentials {
    /// Those of a connected Unix-domain socket.
    init?(of socket: Socket) {
        guard let found = LinuxCalls.peerCredentials(of: socket.descriptor) else { return nil }
        self.init(processID: found.process, userID: found.user, groupID: found.group)
    }
}
