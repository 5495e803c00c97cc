/// The async face of reading.
extension StreamCore {
    /// The next bytes, at most `limit` of them; nil at the end of the input.
    @inline(__always)
    final func read(upTo limit: Int) async throws -> Bytes? {
        guard unsafe reader == nil else { throw busyError() }
        while true {
            if isScopeCancelled { try throwIfScopeCancelled() }
            if machine.life == .open {
                if !unread.isEmpty { return take(upTo: limit) }
                if readCredit > 0, let bytes = receive(upTo: limit) { return bytes }
            }
            if machine.readSide != .open || machine.life != .open { return try endOfInput() }
            if hasScope {
                // Nothing tells the stream when the scope's task cancels itself: see `ServerShare.run`.
                if Task.isCancelled { throw CancellationError() }
                unsafe reader = Unmanaged.passUnretained(usualReader)
                await loop.park(usualReader)
                reader = nil
                if usualReader.wasStranger { try await waitForBytesAsStranger() }
            } else {
                try await waitForBytes()
            }
        }
    }

    /// Takes unread bytes, and goes on reading if that made room.
    @inline(__always)
    final func take(upTo limit: Int) -> Bytes {
        let bytes = unread.removeFirst(upTo: limit)
        if machine.isPaused { resumeIfRoom() }
        return bytes
    }

    /// A task other than the scope's found itself sent on: it waits in its own way.
    @inline(never)
    private final func waitForBytesAsStranger() async throws {
        usualReader.wasStranger = false
        if unread.isEmpty, machine.readSide == .open, machine.life == .open {
            try await waitBesideScope()
        }
    }

    /// The same for all of the first slice.
    @inline(__always)
    final func takeFirst() -> Bytes {
        let bytes = unread.removeFirst()
        if machine.isPaused { resumeIfRoom() }
        return bytes
    }

    /// The wait of a task where the stream has no scope: it brings its own cancellation handler. Out of line,
    /// as what is rare is in async functions: a frame is kept for as long as its task waits.
    @inline(never)
    private final func waitForBytes() async throws {
        usualReader.number &+= 1
        let number = usualReader.number
        unsafe reader = Unmanaged.passUnretained(usualReader)
        await withTaskCancellationHandler {
            await loop.park(usualReader)
        } onCancel: {
            loop.post { self.cancelRead(number) }
        }
        reader = nil
        guard usualReader.wasCancelled else { return }
        usualReader.wasCancelled = false
        throw CancellationError()
    }

    /// A wait's task was cancelled, which may be over since.
    private final func cancelRead(_ number: UInt32) {
        guard number == usualReader.number, unsafe reader != nil else { return }
        usualReader.wasCancelled = true
        wakeReader()
    }

    /// The wait of another task than the scope's, whose waiter is taken for that one.
    @inline(never)
    private final func waitBesideScope() async throws {
        let waiter = Waiter()
        unsafe reader = Unmanaged.passUnretained(waiter)
        defer {
            reader = nil
            withExtendedLifetime(waiter) {}
        }
        await loop.waitOnce(for: waiter)
        if waiter.end == .cancelled { throw CancellationError() }
    }

    @inline(never)
    final func resumeIfRoom() {
        let limit = Int(unreadHighWater)
        guard machine.consumed(unread: unread.byteCount, highWater: limit) == .resume else {
            return
        }
        do {
            try startReading()
        } catch {
            broke(IOError(nil, "read from", on: subject, error))
        }
    }

    /// What a read gets when nothing more will come.
    private final func endOfInput() throws -> Bytes? {
        if machine.life == .open, machine.readSide == .ended { return nil }
        if machine.life == .open, failure == nil, let refusal = refusal(of: "read from") {
            throw refusal
        }
        throw failure ?? closedError("read from")
    }

    // MARK: Cancellation of the scope

    /// The current task becomes the one whose cancellation `cancelScope` tells of.
    final func beginScope() {
        hasScope = true
        isScopeCancelled = false
        usualReader.expectedTask = LoopCore.currentTaskIdentity
    }

    final func endScope() {
        hasScope = false
        usualReader.expectedTask = 0
    }

    /// The task in whose scope the stream lives was cancelled: wakes what waits.
    final func cancelScope() {
        isScopeCancelled = true
        wakeReader()
        waits?.wakeWriters(on: queues)
    }

    /// Whether the current task is the scope's.
    final var isInScope: Bool {
        hasScope && LoopCore.currentTaskIdentity == usualReader.expectedTask
    }

    final func throwIfScopeCancelled() throws {
        // What was told may be the end of an earlier scope, which came late.
        if isInScope, Task.isCancelled { throw CancellationError() }
    }

    // MARK: Errors

    final func busyError() -> IOError {
        IOError(.busy, "read from", on: subject, reason: "another task is reading")
    }

    final func closedError(_ operation: String) -> IOError {
        IOError(.closed, operation, on: subject, reason: "closed on this side")
    }
}
