internal import Glibc

/// What the network answered to datagrams sent before: each error is told once, to whoever comes first.
extension DatagramCore {
    /// Errors taken off the socket in one go; the kernel bounds them by the receive buffer.
    private static let errorsPerTurn = 64

    /// Takes errors off the socket; how many there were.
    @discardableResult
    func noteErrors() -> Int {
        guard phase == .open else { return 0 }
        var found = 0
        var destination = Socket.emptyStorage
        while found < Self.errorsPerTurn,
            let number = LinuxCalls.nextError(of: socket.descriptor, &destination)
        {
            found += 1
            guard number != 0 else { continue }
            let address = remote ?? SocketAddress(destination)
            note(IOError(errno: number, "send to", on: address.map { "\($0)" }))
        }
        // What is left is an error without an entry in the queue; asking takes it off.
        let left = socket.takeError()
        if left != 0, found == 0 {
            found += 1
            note(IOError(errno: left, "use", on: subject))
        }
        return found
    }

    /// Keeps an error for whoever receives next.
    func note(_ error: IOError) {
        // All errors of a connected socket tell the same.
        guard pendingErrors.count < (remote == nil ? Self.maximumPendingErrors : 1) else { return }
        pendingErrors.append(error)
        reader?.wake(on: loop.queues)
    }

    func takePendingError() -> IOError? {
        pendingErrors.isEmpty ? nil : pendingErrors.removeFirst()
    }

    /// A send on a connected socket has told its error: forget what the queue says of the same.
    func forgetErrors() {
        noteErrors()
        pendingErrors = []
    }
}

extension Socket {
    /// The socket's pending error, taken off it; 0 for none.
    fileprivate func takeError() -> Int32 {
        var number: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        // The system writes one number of the length given.
        let status = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &length)
        return status == 0 ? number : 0
    }
}
