/// A listening socket on one loop: takes connections off it, a bounded batch at a time, and hands each
/// to its client. Owns the descriptor, which it closes in its close callback.
// Sendable: references cross threads, but every use is on the loop's thread.
final class Acceptor: UVPoll, @unchecked Sendable {
    /// Connections taken in one go before other work has its turn.
    static let acceptsPerTick = 64

    let loop: LoopCore
    private let address: ServerAddress
    let socket: ListeningSocket
    /// Who gets the connections; let go when this has closed, since it is the acceptor's owner too.
    private var client: (any AcceptorClient)?
    private var backOff = AcceptBackOff()
    private var retry: Retry?
    private var isAccepting = false

    /// Takes over a listening socket; on failure it stays the caller's.
    init(
        socket: ListeningSocket, address: ServerAddress, on loop: LoopCore,
        client: any AcceptorClient
    ) throws(UVError) {
        self.loop = loop
        self.client = client
        self.socket = socket
        self.address = address
        try super.init(loop: loop.uv, descriptor: socket.socket.descriptor)
    }

    /// An acceptor of a listening socket, which is closed if this throws.
    static func listening(
        on socket: ListeningSocket, address: ServerAddress, core: LoopCore,
        client: any AcceptorClient
    ) throws(IOError) -> Acceptor {
        guard !core.isRefusingWork else {
            socket.close()
            throw core.stoppedError("listen on", on: "\(address)")
        }
        do {
            return try Acceptor(socket: socket, address: address, on: core, client: client)
        } catch {
            socket.close()
            throw IOError(nil, "listen on", on: "\(address)", error)
        }
    }

    /// Takes no connections until `resume`; they wait in the kernel's backlog.
    func pause() {
        guard isAccepting, phase == .open else { return }
        isAccepting = false
        stop()
    }

    /// Takes connections from now on.
    func resume() throws(IOError) {
        guard !isAccepting, retry == nil, phase == .open else { return }
        do {
            try startReading()
            isAccepting = true
        } catch {
            throw IOError(nil, "accept on", on: "\(address)", error)
        }
    }

    /// The same where nobody is there to throw to: when it fails this closes, and the client hears why.
    func resumeOrClose() {
        do {
            try resume()
        } catch {
            close()
            client?.acceptFailed(error, isFinal: true)
        }
    }

    override func became(_ events: UVPollEvents?) {
        if events == nil, isAccepting {
            // libuv has stopped watching; what is wrong the accept says, and nothing may be.
            isAccepting = false
            resumeOrClose()
        }
        becameReady()
    }

    override func becameReady() {
        var peer = Socket.emptyStorage
        for _ in 0..<Self.acceptsPerTick {
            guard isAccepting, phase == .open else { return }
            switch socket.socket.accept(from: &peer) {
            case .success(let descriptor):
                if backOff.accepted() { recovered() }
                client?.accepted(Socket(descriptor: descriptor), from: SocketAddress(peer))
            case .failure(let error):
                if !goesOn(after: UVError(status: -error.number)) { return }
            }
        }
    }

    /// Whether to try the next connection now.
    private func goesOn(after error: UVError) -> Bool {
        switch backOff.failed(error.name) {
        case .next:
            return true
        case .wait:
            return false
        case .pause(let isNews):
            pause()
            awaitTurn()
            if isNews {
                client?.acceptFailed(
                    IOError(nil, "accept on", on: "\(address)", error), isFinal: false)
            }
            return false
        case .fail:
            close()
            client?.acceptFailed(IOError(nil, "accept on", on: "\(address)", error), isFinal: true)
            return false
        }
    }

    // MARK: Shortages

    private func awaitTurn() {
        let retry = Retry(acceptor: self)
        self.retry = retry
        let loop = loop
        let delay = loop.retryTurns.wait(ObjectIdentifier(self)) {
            loop.postUnlessEnded { self.tryAgain() }
        }
        loop.schedule(retry, at: UVLoop.hrtimeNanoseconds + delay)
    }

    /// This one's turn has come, or another was lucky before that.
    fileprivate func tryAgain() {
        guard stopAwaitingTurn() else { return }
        if client?.mayAccept ?? false { resumeOrClose() }
    }

    /// Whether it did wait.
    private func stopAwaitingTurn() -> Bool {
        guard let retry else { return false }
        self.retry = nil
        loop.cancel(retry)
        loop.retryTurns.leave(ObjectIdentifier(self))
        return true
    }

    private func recovered() {
        loop.retryTurns.passOn()
        client?.acceptRecovered()
    }

    override func didClose() {
        _ = stopAwaitingTurn()
        socket.close()
        loop.stopObserver?(.listenerClosed)
        let client = client
        self.client = nil
        client?.acceptorClosed()
    }

    /// The turn to try again.
    private final class Retry: LoopTimer {
        private unowned let acceptor: Acceptor

        init(acceptor: Acceptor) {
            self.acceptor = acceptor
        }

        override func fired() {
            acceptor.tryAgain()
        }
    }
}

/// Takes what an acceptor accepted. Called on the acceptor's loop.
protocol AcceptorClient: AnyObject {
    /// Whether connections are wanted now.
    var mayAccept: Bool { get }
    /// A connection came; the socket is the client's. Peers of the Unix family have no address here.
    func accepted(_ socket: Socket, from peer: SocketAddress?)
    /// Accepting failed; `isFinal` if the acceptor has closed for that.
    func acceptFailed(_ error: IOError, isFinal: Bool)
    /// Accepting, which had failed, goes on.
    func acceptRecovered()
    /// The listening socket is closed: its address is free again.
    func acceptorClosed()
}
