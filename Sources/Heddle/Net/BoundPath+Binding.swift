internal import Glibc
internal import SystemPackage

/// Taking a path for a socket.
extension BoundPath {
    /// Binds a socket to a path or an abstract name. Nothing is left of a path if this throws.
    ///
    /// The path has its permissions before bind(2) returns, less the umask, and exactly before this does: never
    /// more of them. Only where two processes find the same stale socket, and one takes its path in the
    /// microseconds in which the other removes what it has looked at, is that one left without a path.
    ///
    /// - Parameters:
    ///   - permissions: those of the path; nil leaves them to the umask.
    ///   - replacesStaleSocket: whether a socket at the path that no process has open is removed.
    ///   - operation: what errors say was tried.
    /// - Returns: the path; nil for an abstract name.
    static func bind(
        _ socket: Socket, to address: UnixAddress, permissions: FilePermissions?,
        replacesStaleSocket: Bool, _ operation: String
    ) throws -> BoundPath? {
        if let permissions, !address.isAbstract {
            // A new path gets these, less the umask, from its first moment.
            _ = fchmod(socket.descriptor, permissions.rawValue)
        }
        var number = socket.bind(to: address)
        if number == EADDRINUSE, let path = address.path {
            try clear(path, of: address, replacesStaleSocket, operation)
            number = socket.bind(to: address)
        }
        guard number == 0 else { throw IOError(errno: number, operation, on: "\(address)") }
        guard let path = address.path, let bound = BoundPath(path) else { return nil }
        guard let permissions else { return bound }
        let status = bound.set(permissions)
        guard status == 0 else {
            bound.remove()
            throw IOError(errno: status, "set permissions of", on: "\(address)")
        }
        return bound
    }

    /// Removes a socket that no process has any more from the path.
    ///
    /// - Throws: ``IOError/Code/addressInUse`` if one has, ``IOError/Code/wrongFileType`` if it is no socket,
    ///   ``IOError/Code/permissionDenied`` if that cannot be found out.
    private static func clear(
        _ path: FilePath, of address: UnixAddress, _ replacesStaleSocket: Bool, _ operation: String
    ) throws {
        guard let found = BoundPath(path) else {
            // It may be gone by now; then the next bind tells.
            guard isTaken(path) else { return }
            throw IOError(
                .wrongFileType, operation, on: "\(address)",
                reason: "something that is not a socket has the path")
        }
        // A datagram socket: connecting it makes no connection, whatever has the path.
        let probe = try Socket.unix(SOCK_DGRAM, for: operation, on: "\(address)")
        defer { probe.close() }
        switch probe.connect(to: address) {
        // The last is that of a datagram socket which is connected to another.
        case 0, EPROTOTYPE, EAGAIN, EPERM:
            throw inUse(address, operation, "a socket that is in use has the path")
        case ECONNREFUSED:
            guard replacesStaleSocket else {
                throw inUse(address, operation, "a socket that nobody listens on has the path")
            }
            if BoundPath(path) == found { found.remove() }
        case ENOENT:
            return
        case let number:
            throw IOError(errno: number, operation, on: "\(address)")
        }
    }

    private static func inUse(
        _ address: UnixAddress, _ operation: String, _ reason: String
    ) -> IOError {
        IOError(.addressInUse, operation, on: "\(address)", reason: reason)
    }

    /// Throws unless these can be the permissions of a path.
    static func validate(_ permissions: FilePermissions?) throws {
        if let permissions, permissions.rawValue & ~0o777 != 0 {
            throw TCPOptions.invalid(
                "permissions", "0o\(String(permissions.rawValue, radix: 8))",
                "not between 0o0 and 0o777")
        }
    }
}
