internal import Glibc

/// Listening on paths and abstract names.
extension ListeningSocket {
    /// Binds and listens. Nothing is left open, and no path, if this throws.
    ///
    /// The path gets its permissions between bind(2) and listen(2): until then nobody can connect. A socket is as
    /// good as listening from its bind on, so of two servers that start at the same time one finds the address
    /// in use.
    static func listening(
        on address: UnixAddress, options: UnixListenOptions
    ) throws -> ListeningSocket {
        let socket = try Socket.unix(for: "listen on", on: "\(address)")
        var listening = ListeningSocket(socket: socket)
        do {
            try socket.apply(options.connection)
            listening.path = try BoundPath.bind(
                socket, to: address, permissions: options.permissions,
                replacesStaleSocket: options.replacesStaleSocket, "listen on")
            try socket.listen(backlog: options.backlog, on: address)
            return listening
        } catch {
            listening.close()
            throw error
        }
    }
}

extension Socket {
    fileprivate func listen(backlog: Int, on address: UnixAddress) throws {
        guard Glibc.listen(descriptor, Int32(clamping: backlog)) == 0 else {
            throw IOError(errno: errno, "listen on", on: "\(address)")
        }
    }
}
