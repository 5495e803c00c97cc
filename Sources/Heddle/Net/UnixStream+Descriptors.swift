internal import Glibc

/// Passing file descriptors (SCM_RIGHTS of unix(7)).
extension UnixStream {
    /// Messages read in one go, before other streams have their turn.
    private static let messagesPerEvent = 16

    /// Reads what has come: what libuv's callback does for other streams. A read is short of what would make the
    /// stream a bulk one, so that no other code reads from the socket.
    func receiveWithDescriptors() {
        for _ in 0..<Self.messagesPerEvent {
            guard phase == .open, !machine.isPaused else { return }
            guard unclaimed.count < settings.maximumUnclaimedDescriptors else {
                unclaimed.isFull = true
                stopReading()
                return
            }
            var descriptors: [Int32] = []
            // Lent until `didRead` takes what came.
            let (count, areLost) = unsafe receiveMessage(
                into: UnsafeMutableRawBufferPointer(
                    rebasing: lendBuffer().prefix(Self.bulkBytes - 1)), &descriptors)
            guard count > 0 else {
                if count == Int(UVStatus.again) { return }
                stopReading()
                didEndReading(
                    status: count == 0 ? UVStatus.endOfFile : Int32(truncatingIfNeeded: count))
                return
            }
            if !descriptors.isEmpty || areLost {
                unclaimed.add(descriptors, areLost: areLost)
                if machine.life != .open { unclaimed.closeAll() }
            }
            unclaimed.position &+= UInt64(count)
            didRead(count: count)
        }
    }

    /// The descriptors that came with what has been read so far.
    func takeDescriptors() throws -> [Int32] {
        guard receivesMessages else {
            throw IOError(
                .invalidArgument, "take descriptors from", on: subject,
                reason: "its options take none: see maximumUnclaimedDescriptors")
        }
        guard machine.life == .open else { throw failure ?? closedError("take descriptors from") }
        let taken = unclaimed.take(before: unclaimed.position &- UInt64(unread.byteCount))
        if unclaimed.isFull, unclaimed.count <= settings.maximumUnclaimedDescriptors / 2 {
            unclaimed.isFull = false
            if !machine.isPaused, machine.mayReceive, phase == .open { resumeReading() }
        }
        guard let taken else {
            throw IOError(
                .resourcesExhausted, "take descriptors from", on: subject,
                reason: "some were lost, since this process may have no more")
        }
        return taken
    }

    private func resumeReading() {
        do {
            try startReading()
        } catch {
            broke(IOError(nil, "read from", on: subject, error))
        }
    }

    // MARK: Sending

    /// Sends `descriptors` with the first of `bytes`, behind everything written so far.
    func send(_ descriptors: [Int32], with bytes: Bytes) async throws {
        while true {
            if isScopeCancelled { try throwIfScopeCancelled() }
            guard machine.canWrite else { throw writeError("send descriptors to") }
            // What others wrote meanwhile goes first.
            try await flush()
            guard machine.canWrite, unsent.isEmpty else { continue }
            let sent = unsafe send(bytes.unsafeMemory, with: descriptors)
            if sent > 0 {
                withExtendedLifetime(bytes) {}
                didSend(sent)
                if sent < bytes.count { enqueue(bytes[sent..<bytes.count]) }
                return
            }
            guard sent == Int(UVStatus.again) else { throw refusal(of: Int32(sent)) }
            try await waitForRoom()
        }
    }

    /// Why the kernel took nothing; what concerns the descriptors leaves the stream as it is.
    private func refusal(of status: Int32) -> IOError {
        let operation = "send descriptors to"
        switch -status {
        case EBADF:
            return IOError(
                .invalidArgument, operation, on: subject, reason: "one of them is not open")
        case ETOOMANYREFS:
            return IOError(
                .resourcesExhausted, operation, on: subject,
                reason: "too many are under way and were not received yet")
        case EINVAL, ENOMEM, ENOBUFS, EPERM:
            return IOError(errno: -status, operation, on: subject)
        default:
            broke(IOError(errno: -status, "write to", on: subject))
            return writeError(operation)
        }
    }

    /// Waits until the kernel may take more. libuv tells that only of its own writes, so this watches a duplicate.
    private func waitForRoom() async throws {
        let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard duplicate >= 0 else { throw IOError(errno: errno, "wait for", on: subject) }
        let watch = try RoomWatch.watching(duplicate, on: loop, subject)
        let waits = makeWaits()
        waits.writers.append(watch.waiter)
        defer {
            waits.writers.removeAll { $0 === watch.waiter }
            watch.close()
        }
        try await waitInScope(watch.waiter)
    }
}

/// Watches a duplicate of a socket until it can be written, or has failed. Owns the duplicate.
// Sendable: references cross threads, but every use is on the loop's thread.
private final class RoomWatch: UVReadiness, @unchecked Sendable {
    let waiter = Waiter()
    private let loop: LoopCore
    private let descriptor: Int32

    private init(_ descriptor: Int32, on loop: LoopCore) throws(UVError) {
        self.loop = loop
        self.descriptor = descriptor
        try super.init(loop: loop.uv, descriptor: descriptor)
    }

    /// Watches `descriptor`, which is closed if this throws.
    static func watching(
        _ descriptor: Int32, on loop: LoopCore, _ subject: String
    ) throws(IOError) -> RoomWatch {
        let made: RoomWatch
        do {
            made = try RoomWatch(descriptor, on: loop)
        } catch {
            Glibc.close(descriptor)
            throw IOError(nil, "wait for", on: subject, error)
        }
        do {
            try made.watch(.writable)
        } catch {
            made.close()
            throw IOError(nil, "wait for", on: subject, error)
        }
        return made
    }

    override func becameReady(_ ready: Interest) {
        waiter.finish(.fired, on: loop)
        close()
    }

    override func hasError() {
        waiter.finish(.fired, on: loop)
        close()
    }

    override func didClose() {
        Glibc.close(descriptor)
    }
}
