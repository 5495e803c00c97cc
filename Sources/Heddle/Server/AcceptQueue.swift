/// The connections of a listener that nobody has taken yet, and who waits for one. It accepts only while
/// somebody waits: the others stay in the kernel's backlog. Used on the loop's thread, but where said otherwise.
// Sendable: references cross threads, but every use is on the loop's thread.
final class AcceptQueue: @unchecked Sendable {
    let core: LoopCore
    private let address: ServerAddress
    private let settings: StreamSettings
    private var acceptor: Acceptor?
    /// Accepted in one batch with what somebody waited for.
    private var ready: [StreamCore] = []
    private var takers: [Waiter] = []
    private var closers: [Waiter] = []
    private var isClosed = false
    /// Why nothing more can be accepted, if not for a close.
    private var failure: IOError?
    /// Why accepting is in trouble now, for whoever waits.
    private var trouble: IOError?

    init(core: LoopCore, address: ServerAddress, settings: StreamSettings) {
        self.core = core
        self.address = address
        self.settings = settings
    }

    /// Takes over a listening socket, which is closed if this throws.
    func listen(on socket: ListeningSocket) throws {
        acceptor = try Acceptor.listening(on: socket, address: address, core: core, client: self)
        core.addMember(self)
    }

    /// The next connection. Cancelling the wait leaves every connection to the others. May be called from any thread.
    func next() async throws -> ByteStream {
        guard core.isCurrent else { return try await core.hop { try await self.next() } }
        while true {
            if Task.isCancelled {
                // It may have been woken for a connection: that is another's now.
                if !ready.isEmpty { takers.first?.wake(on: core.queues) }
                throw CancellationError()
            }
            if !ready.isEmpty { return address.connection(of: ready.removeFirst()) }
            guard !isClosed else { throw closedError() }
            if let trouble {
                self.trouble = nil
                throw trouble
            }
            let waiter = Waiter()
            takers.append(waiter)
            defer { stopWaiting(waiter) }
            try acceptor?.resume()
            await core.waitOnce(for: waiter)
        }
    }

    private func stopWaiting(_ waiter: Waiter) {
        takers.removeAll { $0 === waiter }
        if takers.isEmpty { acceptor?.pause() }
    }

    private func closedError() -> IOError {
        if let failure { return failure }
        if core.isRefusingWork { return core.stoppedError("accept on", on: "\(address)") }
        return IOError(.closed, "accept on", on: "\(address)", reason: "closed on this side")
    }

    /// Stops listening; connections that nobody took are closed.
    func beginClose() {
        isClosed = true
        acceptor?.close()
        for stream in ready { stream.beginClose() }
        ready = []
        wakeTakers()
    }

    /// Closes, and waits until the address is free again. May be called from any thread.
    func close() async {
        guard core.isCurrent else {
            _ = try? await core.hop { await self.close() }
            return
        }
        beginClose()
        while acceptor != nil, !core.uv.isClosed {
            let waiter = Waiter()
            closers.append(waiter)
            while waiter.end == .pending { await core.park(waiter) }
        }
    }

    private func wakeTakers() {
        for taker in takers { taker.wake(on: core.queues) }
    }
}

extension AcceptQueue: AcceptorClient {
    var mayAccept: Bool { ready.count < takers.count }

    func accepted(_ socket: Socket, from peer: SocketAddress?) {
        do {
            let stream = try address.stream(of: socket, from: peer, on: core, settings: settings)
            takers.dropFirst(ready.count).first?.wake(on: core.queues)
            ready.append(stream)
        } catch {
            trouble = error
            wakeTakers()
        }
        if !mayAccept { acceptor?.pause() }
    }

    func acceptFailed(_ error: IOError, isFinal: Bool) {
        if isFinal {
            failure = error
            isClosed = true
        } else {
            trouble = error
        }
        wakeTakers()
    }

    func acceptRecovered() {}

    func acceptorClosed() {
        acceptor = nil
        for closer in closers { closer.finish(.fired, on: core) }
        closers = []
        core.removeMember(self)
    }
}

extension AcceptQueue: LoopMember {
    var isIdle: Bool { true }

    func beginDrain() {
        beginClose()
    }

    func cancelRemaining() {}

    func loopEnded() {
        beginClose()
        acceptor = nil
        for closer in closers { closer.finish(.loopStopped, on: core) }
        closers = []
    }
}
