internal import Glibc

/// The ends of a stream: half-close, close, reset, and being broken from outside.
extension StreamCore {
    /// Half-close: the peer reads to the end of what was written, and then sees the end.
    final func shutdownWrite() async throws {
        if hasEndedOutput { return }
        if machine.writeSide == .failed || machine.life != .open { throw writeError("shut down") }
        beginShutdownWrite()
        try await flush()
    }

    final func beginShutdownWrite() {
        switch machine.shutdownWrite(unsent: !unsent.isEmpty) {
        case .now: endOutput()
        case .whenSent: send()
        case .nothing: break
        }
    }

    final func shutdownSocket() {
        guard Glibc.shutdown(descriptor, Int32(SHUT_WR)) != 0 else { return }
        broke(IOError(errno: errno, "shut down", on: subject))
    }

    /// Closes when everything written is the kernel's, and waits for that. A cancelled close does not
    /// wait for the peer: it resets.
    ///
    /// - Throws: why bytes that were taken could not be sent, unless a write or flush told already.
    final func closeAndWait() async throws {
        beginClose()
        while phase != .closed {
            let waiter = Waiter()
            let waits = makeWaits()
            waits.closers.append(waiter)
            await loop.waitOnce(for: waiter)
            waits.closers.removeAll { $0 === waiter }
            if waiter.end == .cancelled || isScopeCancelled { reset() }
        }
        if hasUnreportedLoss, let failure {
            hasUnreportedLoss = false
            throw failure
        }
    }

    final func beginClose() {
        switch machine.close(unsent: !unsent.isEmpty) {
        case .nothing:
            return
        case .now:
            close()
        case .whenSent:
            let deadline = CloseDeadline(stream: self)
            makeWaits().closeDeadline = deadline
            let patience = UInt64(settings.limits.closeTimeout.clampedNanoseconds)
            loop.schedule(deadline, at: UVLoop.hrtimeNanoseconds &+ patience)
            send()
        }
        wakeEverybody()
    }

    /// Ends the connection at once: what is unsent is dropped, and the peer sees a reset.
    final func reset() {
        guard phase == .open else { return }
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        // Without lingering, close(2) sends RST; see socket(7). Failing only makes it a plain close.
        unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        _ = machine.abort()
        close()
        wakeEverybody()
    }

    /// The loop stops: whatever is left ends now.
    final func endBecauseLoopStops() {
        guard phase == .open else { return }
        if failure == nil { failure = loop.stoppedError("use", on: subject) }
        if !unsent.isEmpty { hasUnreportedLoss = true }
        _ = machine.abort()
        close()
        wakeEverybody()
    }

    /// The connection cannot go on. Unread bytes stay to be read; unsent ones are lost, which is told
    /// to whoever writes, flushes or closes next.
    final func broke(_ error: IOError) {
        if failure == nil { failure = error }
        if !unsent.isEmpty {
            hasUnreportedLoss = true
            // What libuv is writing must stay until it says so.
            if inFlight == 0 { unsent.removeAll() }
        }
        if machine.broke() { close() }
        wakeEverybody()
    }

    /// Has every waiter look at the state again.
    private final func wakeEverybody() {
        wakeReader()
        waits?.wakeWriters(on: queues)
        if hasHandler { queues.giveTurn(to: self) }
    }
}

/// Ends the patience of a close: the peer has not taken what was written in time.
final class CloseDeadline: LoopTimer {
    private unowned let stream: StreamCore

    init(stream: StreamCore) {
        self.stream = stream
    }

    override func fired() {
        let limit = stream.settings.limits.closeTimeout.text
        stream.broke(
            IOError(
                .timedOut, "close", on: stream.subject,
                reason: "the peer did not take what was written within \(limit)"))
    }

    override func loopStopped() {}
}
