internal import Glibc

/// A listening socket, and the path that was made for it, if it has one. Whoever holds it closes it or hands it on.
struct ListeningSocket: Sendable {
    let socket: Socket
    var path: BoundPath?

    init(socket: Socket, path: BoundPath? = nil) {
        self.socket = socket
        self.path = path
    }

    /// Removes the path, if it is still this socket's, and closes.
    func close() {
        // In this order: while the socket is open nothing else can get its inode's number.
        path?.remove()
        socket.close()
    }
}
