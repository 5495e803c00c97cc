internal import Glibc

/// What the network answered to datagrams sent before: each error is told once, to whoever comes first.
extension DatagramCore {
    /// Keeps an error for whoever receives next, unless `limit` are kept already.
    final func note(_ error: IOError, limit: Int = maximumPendingErrors) {
        guard pendingErrors.count < limit else { return }
        pendingErrors.append(error)
        reader?.wake(on: loop.queues)
    }

    final func takePendingError() -> IOError? {
        pendingErrors.isEmpty ? nil : pendingErrors.removeFirst()
    }
}

extension Socket {
    /// The socket's pending error, taken off it; 0 for none.
    func takeError() -> Int32 {
        var number: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        // The system writes one number of the length given.
        let status = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &length)
        return status == 0 ? number : 0
    }
}
