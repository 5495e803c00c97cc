internal import Glibc

/// Sends one file over a stream: in pieces on threads of the pool, each as much as the socket takes at once, and
/// waiting on the loop in between. Owned by the call that sends, and by the loop until it is closed.
///
/// It has a duplicate of the stream's descriptor: libuv's own waits for readiness only while libuv has something to
/// write, and a thread of the pool may be using it while the stream closes.
///
/// Everything here belongs to the loop's thread.
// Sendable: references cross threads, but every use is on the loop's thread.
final class FileSender: UVPoll, @unchecked Sendable {
    private let stream: StreamCore
    private let part: FilePart
    private let socket: Int32
    /// What to what, for errors.
    private let subject: String
    private var sent: Int64 = 0
    /// Whether a thread of the pool uses the descriptors.
    private var isInUse = false
    private var waiter: Waiter?

    init(_ part: FilePart, over stream: StreamCore) throws {
        self.part = part
        self.stream = stream
        let subject = "\(part.path) to \(stream.subject)"
        self.subject = subject
        let socket = fcntl(stream.descriptor, F_DUPFD_CLOEXEC, 0)
        guard socket >= 0 else {
            throw IOError(errno: errno, FilePart.operation, on: subject)
        }
        self.socket = socket
        do throws(UVError) {
            try super.init(loop: stream.loop.uv, descriptor: socket)
        } catch {
            _ = Glibc.close(socket)
            throw IOError(nil, FilePart.operation, on: subject, error)
        }
    }

    /// Sends everything; how many bytes that were. Closes itself, whatever comes of it.
    func run() async throws -> Int64 {
        do {
            while sent < part.count ?? .max {
                let step = try await nextStep()
                sent += step.sent
                if step.isAtEnd {
                    try checkIsWhole()
                    break
                }
                if step.isFull { try await waitUntilWritable() }
            }
            close()
            return sent
        } catch {
            throw gaveUp(error)
        }
    }

    private func nextStep() async throws -> FilePart.Step {
        try checkIsOpen()
        let (part, done, socket, subject) = (part, sent, socket, subject)
        return try await stream.loop.poolShare.perform(
            FilePart.operation, on: subject, begun: { try self.begun() }, ended: { self.ended() }
        ) { try part.send(after: done, to: socket, subject) }
    }

    /// It may have waited for a place.
    private func begun() throws {
        try checkIsOpen()
        isInUse = true
    }

    private func ended() {
        isInUse = false
        if phase == .closed { _ = Glibc.close(socket) }
    }

    private func checkIsOpen() throws {
        if stream.isScopeCancelled { try stream.throwIfScopeCancelled() }
        guard stream.machine.canWrite, phase == .open else {
            throw stream.writeError(FilePart.operation)
        }
    }

    private func checkIsWhole() throws {
        guard let count = part.count, sent < count else { return }
        throw IOError(
            .unexpectedEnd, FilePart.operation, on: subject,
            reason: "the file ended after \(sent) of \(count) bytes")
    }

    private func waitUntilWritable() async throws {
        try checkIsOpen()
        let waiter = Waiter()
        self.waiter = waiter
        let waits = stream.makeWaits()
        // The stream wakes it too, when it ends.
        waits.writers.append(waiter)
        defer {
            self.waiter = nil
            waits.writers.removeAll { $0 === waiter }
        }
        do throws(UVError) {
            try start(.writable)
        } catch {
            throw IOError(nil, FilePart.operation, on: subject, error)
        }
        defer { if phase == .open { stop() } }
        try await stream.waitInScope(waiter)
    }

    override func becameReady() {
        stop()
        waiter?.wake(on: stream.queues)
    }

    /// A part of a file must not pass for the whole of it: unless nothing was sent, the peer sees a reset.
    ///
    /// - Returns: the error to tell.
    private func gaveUp(_ error: any Error) -> any Error {
        var told = error
        switch error as? FilePart.Failure {
        case .ofFile(let error): told = error
        case .ofConnection(let error):
            told = error
            stream.broke(error)
        case nil: break
        }
        // What a thread is doing now may send something yet.
        if sent > 0 || isInUse {
            if stream.failure == nil {
                stream.failure = IOError(
                    .closed, "use", on: stream.subject,
                    reason: "reset, for only \(sent) bytes of \(part.path) were sent")
            }
            dropOnClose()
            stream.reset()
        }
        close()
        return told
    }

    /// The last descriptor of the socket to be closed has the peer see a reset, also where the stream has closed
    /// already.
    private func dropOnClose() {
        // By now the number may be another's.
        guard phase != .closed || isInUse else { return }
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        // The system reads the local during the call only.
        unsafe setsockopt(
            socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    }

    /// The loop goes.
    override func closeForced() {
        if sent > 0 || isInUse { dropOnClose() }
        close()
    }

    override func didClose() {
        if !isInUse { _ = Glibc.close(socket) }
    }
}

extension StreamCore {
    /// Sends a part of a file behind everything written before, while other writers wait.
    final func sendFile(_ part: FilePart) async throws -> Int64 {
        try await waitUntilWritable()
        unsentHighWater = -1
        defer {
            unsentHighWater = Int32(clamping: settings.limits.unsentHighWater)
            waits?.wakeWriters(on: queues)
        }
        try await flush()
        return try await FileSender(part, over: self).run()
    }
}
