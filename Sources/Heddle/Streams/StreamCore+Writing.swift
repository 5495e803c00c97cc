/// Sending: small writes wait for the end of the tick and leave together, large ones go straight out.
extension StreamCore {
    /// Unsent bytes from which on a tick's end is not waited for.
    static let straightOutBytes = 16 * 1024
    /// Writes of one stream that go straight out in one turn of the loop; then they wait for its end, and above
    /// the high-water mark their tasks do. A peer that takes everything at once would keep a writer from ever
    /// waiting, and the loop from everything else. Only the first: streams that write in turn cost the kernel a
    /// tenth less than one that writes several times while its peer reads.
    static let straightOutsPerTurn: UInt16 = 1
    /// The same for bytes that are only lent, which waiting would copy.
    static let lentStraightOutsPerTurn: UInt16 = 4

    /// Takes `bytes` whole, once fewer than the high-water mark are unsent; takes nothing if it throws.
    @inline(__always)
    final func write(_ bytes: Bytes) async throws {
        if !canTakeBytes { try await waitUntilWritable() }
        enqueue(bytes)
    }

    /// The same for several pieces, taken as one.
    final func write(contentsOf pieces: [Bytes]) async throws {
        if !canTakeBytes { try await waitUntilWritable() }
        for piece in pieces where piece.count > 0 { unsent.append(piece) }
        sendSoon()
    }

    @inline(__always)
    final var canTakeBytes: Bool {
        machine.canWrite && unsent.byteCount < Int(unsentHighWater) && !isScopeCancelled
    }

    /// Takes `bytes` now; the caller has looked at the marks.
    @inline(__always)
    final func enqueue(_ bytes: Bytes) {
        guard bytes.count > 0 else { return }
        unsent.append(bytes)
        sendSoon()
    }

    /// Few bytes wait for the end of the tick, many do not.
    @inline(__always)
    final func sendSoon() {
        if unsent.byteCount >= Self.straightOutBytes, mayGoStraightOut(Self.straightOutsPerTurn) {
            send()
        } else {
            queues.cork(self)
        }
    }

    /// Whether one more write may go straight out in this turn, `limit` at most. The turn is known by its last 16
    /// bits: once in a long while a writer waits for one it need not have waited for.
    final func mayGoStraightOut(_ limit: UInt16) -> Bool {
        let turn = UInt16(truncatingIfNeeded: queues.turn)
        if turn != straightOutTurn {
            straightOutTurn = turn
            straightOuts = 0
        }
        guard straightOuts < limit else { return false }
        straightOuts += 1
        return true
    }

    /// Hands the kernel what it takes, and libuv the rest.
    final func send() {
        while inFlight == 0, !unsent.isEmpty, phase == .open, machine.writeSide != .failed {
            if unsent.isSingle {
                // Taken out and, mostly, gone: putting the rest back is the rare case.
                let bytes = unsent.removeFirst()
                let sent = unsafe tryWrite(bytes.unsafeMemory)
                if sent == bytes.count {
                    withExtendedLifetime(bytes) {}
                    return didSend(sent)
                }
                unsent.append(bytes)
                guard proceed(after: sent) else { return }
                queueRest()
            } else {
                let slices = unsent.sliceCount
                let sent = tryWrite(unsent)
                guard proceed(after: sent) else { return }
                // With more slices than one write carries there is more to try; else the kernel is full.
                if sent < 0 || slices <= UVStream.maximumSlices { queueRest() }
            }
        }
    }

    /// Notes what a write brought; whether the connection still stands.
    private final func proceed(after sent: Int) -> Bool {
        guard sent >= 0 || sent == Int(UVStatus.again) else {
            broke(IOError(nil, "write to", on: subject, UVError(status: Int32(sent))))
            return false
        }
        if sent > 0 {
            unsent.removeBytes(sent)
            didSend(sent)
        }
        return true
    }

    private final func queueRest() {
        guard !unsent.isEmpty, phase == .open else { return }
        do {
            inFlight = try write(unsent)
        } catch {
            broke(IOError(nil, "write to", on: subject, error))
        }
    }

    /// libuv is done with the bytes it had.
    final func finishQueuedWrite(status: Int32) {
        let count = inFlight
        inFlight = 0
        guard phase == .open, machine.writeSide != .failed else {
            unsent.removeAll()
            if hasHandler { queues.giveTurn(to: self) }
            return
        }
        guard status >= 0 else {
            broke(IOError(nil, "write to", on: subject, UVError(status: status)))
            return
        }
        unsent.removeBytes(count)
        didSend(count)
        send()
    }

    /// Tells everybody who waits for room or for the end.
    @inline(__always)
    final func didSend(_ count: Int) {
        sentTotal &+= UInt64(count)
        if waits != nil { wakeSatisfied() }
        if hasHandler, wantsTurnAfterSending { queues.giveTurn(to: self) }
        if unsent.isEmpty, machine.writeSide != .open || machine.life != .open { finishSending() }
    }

    @inline(never)
    private final func wakeSatisfied() {
        waits?.sent(
            sentTotal, unsent: unsent.byteCount, lowWater: settings.limits.unsentLowWater,
            on: queues)
    }

    /// Whether the handler waits for the unsent bytes to become fewer.
    @inline(__always)
    private final var wantsTurnAfterSending: Bool {
        // Held by the stream.
        unsafe handling.unsafelyUnwrapped._withUnsafeGuaranteedRef { $0.wantsTurnAfterSending }
    }

    private final func finishSending() {
        switch machine.allSent() {
        case .nothing: break
        case .shutDown: endOutput()
        case .close: close()
        }
    }

    // MARK: Waiting

    /// Waits until fewer bytes than the low-water mark are unsent.
    @inline(never)
    final func waitUntilWritable() async throws {
        while true {
            if isScopeCancelled { try throwIfScopeCancelled() }
            guard machine.canWrite else { throw writeError("write to") }
            if unsent.byteCount < Int(unsentHighWater) { return }
            let waiter = Waiter()
            let waits = makeWaits()
            waits.writers.append(waiter)
            defer { waits.writers.removeAll { $0 === waiter } }
            try await waitInScope(waiter)
        }
    }

    /// Waits until everything taken so far is the kernel's.
    final func flush() async throws {
        let waiter = FlushWaiter(target: sentTotal &+ UInt64(unsent.byteCount))
        send()
        // Taken before this flush, and lost at the end of a tick.
        if hasUnreportedLoss { throw writeError("flush") }
        while sentTotal < waiter.target {
            if isScopeCancelled { try throwIfScopeCancelled() }
            if machine.writeSide == .failed || machine.life == .closing || machine.life == .closed {
                throw writeError("flush")
            }
            let waits = makeWaits()
            waits.flushers.append(waiter)
            defer { waits.flushers.removeAll { $0 === waiter } }
            try await waitInScope(waiter)
        }
    }

    /// One wait, which ends early when the task is cancelled: by the scope's handler or by its own.
    final func waitInScope(_ waiter: Waiter) async throws {
        if isInScope {
            try Task.checkCancellation()
            await loop.park(waiter)
        } else {
            await loop.waitOnce(for: waiter)
            if waiter.end == .cancelled { throw CancellationError() }
        }
    }

    /// Why nothing can be written any more.
    final func writeError(_ operation: String) -> IOError {
        hasUnreportedLoss = false
        if let failure { return failure }
        if machine.life == .open, let refusal = refusal(of: operation) { return refusal }
        if machine.life == .open, machine.writeSide != .open {
            return IOError(
                .closed, operation, on: subject, reason: "this side's output was shut down")
        }
        return closedError(operation)
    }
}
