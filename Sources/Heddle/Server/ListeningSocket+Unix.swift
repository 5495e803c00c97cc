internal import Glibc
internal import SystemPackage

/// Listening on paths and abstract names.
extension ListeningSocket {
    /// Binds and listens. Nothing is left open, and no path, if this throws.
    ///
    /// The path gets its permissions between bind(2) and listen(2): until then nobody can connect. A socket is as
    /// good as listening from its bind on, so of two servers that start at the same time one finds the address
    /// in use. Only if both find the same stale socket, and one takes its path in the microseconds in which the
    /// other removes what it has looked at, is that one left without a path.
    static func listening(
        on address: UnixAddress, options: UnixListenOptions
    ) throws -> ListeningSocket {
        let socket = try Socket.unix(for: "listen on", on: "\(address)")
        var listening = ListeningSocket(socket: socket)
        do {
            try socket.apply(options.connection)
            listening.path = try bind(socket, to: address, options)
            try socket.listen(backlog: options.backlog, on: address)
            return listening
        } catch {
            listening.close()
            throw error
        }
    }

    private static func bind(
        _ socket: Socket, to address: UnixAddress, _ options: UnixListenOptions
    ) throws -> BoundPath? {
        if let permissions = options.permissions, !address.isAbstract {
            // A new path gets these, less the umask, from its first moment.
            _ = fchmod(socket.descriptor, permissions.rawValue)
        }
        var number = socket.bind(to: address)
        if number == EADDRINUSE, let path = address.path {
            try clear(path, of: address, options)
            number = socket.bind(to: address)
        }
        guard number == 0 else { throw IOError(errno: number, "listen on", on: "\(address)") }
        guard let path = address.path, let bound = BoundPath(path) else { return nil }
        guard let permissions = options.permissions else { return bound }
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
        _ path: FilePath, of address: UnixAddress, _ options: UnixListenOptions
    ) throws {
        guard let found = BoundPath(path) else {
            // It may be gone by now; then the next bind tells.
            guard BoundPath.isTaken(path) else { return }
            throw IOError(
                .wrongFileType, "listen on", on: "\(address)",
                reason: "something that is not a socket has the path")
        }
        // Of another type than what may listen there: so it looks without making a connection.
        let probe = try Socket.unix(SOCK_DGRAM, for: "listen on", on: "\(address)")
        defer { probe.close() }
        switch probe.connect(to: address) {
        case 0, EPROTOTYPE, EAGAIN:
            throw inUse(address, "a socket that is in use has the path")
        case ECONNREFUSED:
            guard options.replacesStaleSocket else {
                throw inUse(address, "a socket that nobody listens on has the path")
            }
            if BoundPath(path) == found { found.remove() }
        case ENOENT:
            return
        case let number:
            throw IOError(errno: number, "listen on", on: "\(address)")
        }
    }

    private static func inUse(_ address: UnixAddress, _ reason: String) -> IOError {
        IOError(.addressInUse, "listen on", on: "\(address)", reason: reason)
    }
}

extension Socket {
    fileprivate func listen(backlog: Int, on address: UnixAddress) throws {
        guard Glibc.listen(descriptor, Int32(clamping: backlog)) == 0 else {
            throw IOError(errno: errno, "listen on", on: "\(address)")
        }
    }
}
