internal import SystemPackage

/// An open file on its loop: what is under way on its descriptor, and its end. Owned by the loop until the
/// descriptor is closed, and by its public face.
///
/// Everything here belongs to the loop's thread, unless a method says otherwise.
// Sendable: references cross threads, but every use is on the loop's thread.
final class FileCore: LoopOwned, LoopMember, @unchecked Sendable {
    private enum Phase { case open, closing, closed }

    let loop: LoopCore
    /// Its descriptor is open until the last operation under way is over.
    let file: OpenFile
    private var phase = Phase.open
    private var operations = 0
    private var closers: [Waiter] = []
    private var closeError: IOError?

    init(_ file: OpenFile, on loop: LoopCore) {
        self.file = file
        self.loop = loop
        super.init()
        // The loop closes what is open when it ends.
        loop.addMember(self)
    }

    deinit {
        assert(phase == .closed, "a file was let go without being closed")
    }

    /// Runs `body` on the pool with the open file. May be called from any thread.
    func perform<T: Sendable>(
        _ operation: String, _ body: @escaping @Sendable (OpenFile) throws -> T
    ) async throws -> T {
        guard loop.isCurrent else {
            return try await loop.hop { try await self.perform(operation, body) }
        }
        try checkIsOpen(for: operation)
        let file = file
        return try await loop.poolShare.perform(
            operation, on: file.path.string, begun: { try self.operationBegins(operation) },
            ended: { self.operationEnded() }
        ) { try body(file) }
    }

    private func checkIsOpen(for operation: String) throws {
        guard phase != .open else { return }
        if loop.isRefusingWork { throw loop.stoppedError(operation, on: file.path.string) }
        throw IOError(.closed, operation, on: file.path.string, reason: "closed on this side")
    }

    /// One operation more keeps the descriptor open, until `operationEnded`.
    func operationBegins(_ operation: String) throws {
        try checkIsOpen(for: operation)
        operations += 1
    }

    func operationEnded() {
        operations -= 1
        if phase == .closing, operations == 0 { closeDescriptor() }
    }

    /// As `operationBegins`, for one of another loop. May be called from any thread.
    func hold(for operation: String) async throws {
        guard loop.isCurrent else {
            return try await loop.hop { try await self.hold(for: operation) }
        }
        try operationBegins(operation)
    }

    /// Ends what `hold` began. May be called from any thread.
    func letGo() {
        if loop.isCurrent { operationEnded() } else { loop.post { self.operationEnded() } }
    }

    // MARK: The end

    /// Closes once nothing is under way, and waits for that; the first who waits hears of a failure. May be
    /// called from any thread.
    func closeAndWait() async throws {
        guard loop.isCurrent else { return try await loop.hop { try await self.closeAndWait() } }
        beginClose()
        while phase != .closed {
            let waiter = Waiter()
            closers.append(waiter)
            await loop.wait(for: waiter)
            closers.removeAll { $0 === waiter }
            if waiter.end == .cancelled { throw CancellationError() }
        }
        if let error = closeError {
            closeError = nil
            throw error
        }
    }

    private func beginClose() {
        guard phase == .open else { return }
        phase = .closing
        if operations == 0 { closeDescriptor() }
    }

    private func closeDescriptor() {
        let outcome = CloseOutcome(file)
        loop.poolShare.release({ outcome.close() }) { self.didClose(outcome.error) }
    }

    private func didClose(_ error: IOError?) {
        phase = .closed
        closeError = error
        // Not `removeMember`: nobody waits for a file.
        loop.members[ObjectIdentifier(self)] = nil
        for closer in closers { closer.finish(.fired, on: loop) }
    }

    /// Carries a close to the pool and back.
    // Sendable: `error` is set on the pool's thread before libuv tells the loop.
    private final class CloseOutcome: @unchecked Sendable {
        private let file: OpenFile
        private(set) var error: IOError?

        init(_ file: OpenFile) {
            self.file = file
        }

        func close() {
            error = file.close()
        }
    }

    // MARK: What the loop asks for

    override func didLoseLastUser() { beginClose() }

    var isIdle: Bool { true }

    func beginDrain() {}

    func cancelRemaining() {}

    func loopEnded() { beginClose() }
}
