internal import Synchronization

/// One loop's share of a server: its acceptor, if it has one, and the connections the loop owns. Used on
/// the loop's thread.
// Sendable: references cross threads, but every use is on the loop's thread.
final class ServerShare: StreamOwner, @unchecked Sendable {
    /// What becomes of an accepted connection.
    enum Service {
        case tcp(TCPServer.Handler)
        case unix(UnixServer.Handler)
        case handlers(@Sendable () -> any StreamHandler)
    }

    let core: LoopCore
    let address: ServerAddress
    private let maximumConnections: Int
    private var settings: StreamSettings
    /// Where accepted connections go; let go when accepting ends, since it refers to all the shares.
    private var placement: Placement?
    private let reports: ServerReports
    private(set) var acceptor: Acceptor?

    private var service: Service?
    private var connections: [StreamCore] = []
    /// Connections given to this share, from when they are accepted until they have ended. Other loops
    /// count here what they give.
    private let placed = Atomic<Int>(0)
    /// Sockets that came before this share is served.
    private var early: [(socket: Socket, peer: SocketAddress?)] = []
    private var isDraining = false
    private var failure: (any Error)?
    private var serving: Waiter?
    /// Who waits in `drain`.
    var drainers: [Waiter] = []

    init(
        core: LoopCore, address: ServerAddress, maximumConnections: Int,
        settings: StreamSettings, placement: Placement, reports: ServerReports
    ) {
        self.core = core
        self.address = address
        self.maximumConnections = maximumConnections
        self.settings = settings
        self.placement = placement
        self.reports = reports
    }

    /// Takes over a listening socket; connections wait in its backlog until `serve`.
    func listen(on socket: ListeningSocket) throws {
        acceptor = try Acceptor.listening(on: socket, address: address, core: core, client: self)
    }

    /// Lets go of the other shares, when no loop has seen this one.
    func abandon() {
        placement = nil
    }

    // MARK: Serving

    /// Serves connections until the share has drained. Cancelling the task cancels the connections.
    func serve(_ service: Service) async throws {
        precondition(self.service == nil, "a share is served twice")
        guard !core.isRefusingWork, !isDraining else { return }
        self.service = service
        if case .handlers = service, settings.maximumUnclaimedDescriptors > 0 {
            // A handler has no way to take descriptors: the kernel closes those that come.
            settings = StreamSettings(limits: settings.limits, peer: settings.peer)
        }
        acceptor?.resumeOrClose()
        let early = early
        self.early = []
        for arrival in early { adopt(arrival.socket, from: arrival.peer) }
        await waitUntilServed()
        // What it holds may hold the server.
        self.service = nil
        if let failure { throw failure }
    }

    private func waitUntilServed() async {
        await withTaskCancellationHandler {
            while !hasDrained, !core.uv.isClosed {
                let waiter = Waiter()
                serving = waiter
                while waiter.end == .pending { await core.park(waiter) }
            }
        } onCancel: {
            core.post {
                self.beginDrain()
                self.cancelRemaining()
            }
        }
    }

    /// Whether nothing is left: no connection, and the address is free again.
    var hasDrained: Bool {
        isDraining && connections.isEmpty && acceptor == nil
    }

    private func lookAgain() {
        if hasDrained { core.removeMember(self) }
        serving?.finish(.fired, on: core)
        for drainer in drainers { drainer.finish(.fired, on: core) }
        drainers = []
        core.memberBecameIdle()
    }

    // MARK: Connections

    /// Makes a connection of an accepted socket, which the loop counts already. Called on this share's loop,
    /// or, when that has ended, wherever late jobs run.
    func adopt(_ socket: Socket, from peer: SocketAddress?) {
        guard !isDraining, !core.isRefusingWork else {
            close(socket)
            leftPlace()
            return
        }
        guard let service else {
            // The accepting share is served already, and this one will be in a moment.
            early.append((socket, peer))
            return
        }
        do {
            let stream = try address.stream(
                of: socket, from: peer, on: core, settings: settings, isCounted: true)
            begin(stream, service)
        } catch {
            leftPlace()
            reports.report(error, on: peer.map(ServedPeer.internet))
        }
    }

    /// Whether this share may be given another connection. Safe to call from any thread.
    var hasRoom: Bool {
        placed.load(ordering: .acquiring) < maximumConnections
    }

    /// A connection given to this share is gone: the accepting share may have waited for that.
    private func leftPlace() {
        let before = placed.wrappingSubtract(1, ordering: .acquiringAndReleasing).oldValue
        guard before == maximumConnections, let placement else { return }
        let accepting = placement.accepting(for: self)
        if accepting === self {
            resumeIfRoom()
        } else {
            accepting.core.post { accepting.resumeIfRoom() }
        }
    }

    private func resumeIfRoom() {
        if mayAccept { acceptor?.resumeOrClose() }
    }

    private func begin(_ stream: StreamCore, _ service: Service) {
        stream.ownerSlot = Int32(connections.count)
        connections.append(stream)
        stream.owner = self
        reports.connectionOpened()
        switch service {
        case .tcp, .unix:
            stream.ownerTask = Task(executorPreference: core) { await stream.owner?.serve(stream) }
        case .handlers(let make):
            stream.setHandler(make())
        }
    }

    /// One connection's task: the handler, and then the close.
    ///
    /// Nobody but this share can cancel it from outside, and then `cancelRemaining` tells the stream
    /// itself. So it needs no cancellation handler, which would cost each connection 300 bytes.
    override func serve(_ stream: StreamCore) async {
        guard let service else { return }
        let connection = address.connection(of: stream)
        stream.beginScope()
        do {
            switch service {
            // Of the kind the address is of, as the service is.
            case .tcp(let handler):
                try await handler(unsafe unsafeDowncast(connection, to: TCPConnection.self))
            case .unix(let handler):
                try await handler(unsafe unsafeDowncast(connection, to: UnixConnection.self))
            case .handlers:
                break
            }
        } catch {
            if !(error is CancellationError) { reports.report(error, on: ServedPeer(of: stream)) }
        }
        do {
            try await connection.close()
        } catch {
            reports.report(error, on: ServedPeer(of: stream))
        }
        stream.endScope()
        if core.isCurrent { finish(stream) }
    }

    /// A connection served by a handler ends with its stream, one served by a task with the task.
    override func streamDidClose(_ stream: StreamCore) {
        guard stream.ownerTask == nil else { return }
        if let error = stream.handlerError { reports.report(error, on: ServedPeer(of: stream)) }
        finish(stream)
    }

    /// The connection is closed and nobody runs for it any more.
    private func finish(_ stream: StreamCore) {
        stream.ownerTask = nil
        let slot = Int(stream.ownerSlot)
        guard slot >= 0 else { return }
        stream.ownerSlot = -1
        let last = connections.removeLast()
        if last !== stream {
            connections[slot] = last
            last.ownerSlot = Int32(slot)
        }
        reports.connectionClosed(sent: stream.sentTotal)
        leftPlace()
        if connections.isEmpty { lookAgain() }
    }
}

extension ServerShare: AcceptorClient {
    var mayAccept: Bool {
        !isDraining && (placement?.hasRoom(for: self) ?? false)
    }

    func accepted(_ socket: Socket, from peer: SocketAddress?) {
        let target = placement?.choose(for: self) ?? self
        target.placed.wrappingAdd(1, ordering: .relaxed)
        // Counted from here on, whenever its loop gets to it: the next choice depends on this one.
        target.core.connectionBegins()
        if target === self {
            adopt(socket, from: peer)
        } else {
            target.core.post { target.adopt(socket, from: peer) }
        }
        if !mayAccept { acceptor?.pause() }
    }

    func acceptFailed(_ error: IOError, isFinal: Bool) {
        if isFinal {
            reports.report(error, on: nil)
            failure = error
            beginDrain()
        } else if reports.troubleBegan() {
            reports.report(error, on: nil)
        }
    }

    func acceptRecovered() {
        reports.troubleEnded()
    }

    func acceptorClosed() {
        acceptor = nil
        if isDraining { lookAgain() }
    }
}

extension ServerShare: LoopMember {
    var isIdle: Bool { connections.isEmpty }

    func beginDrain() {
        guard !isDraining else { return }
        isDraining = true
        placement = nil
        closeEarly()
        acceptor?.close()
        if connections.isEmpty { lookAgain() }
    }

    func cancelRemaining() {
        for stream in connections {
            if let task = stream.ownerTask {
                task.cancel()
                stream.cancelScope()
            } else if stream.unsent.isEmpty {
                stream.beginClose()
            } else {
                // As a cancelled close: no more patience with a peer that takes nothing.
                stream.reset()
            }
        }
    }

    private func closeEarly() {
        for arrival in early { close(arrival.socket) }
        early = []
    }

    /// Closes a socket that was counted and did not become a connection.
    private func close(_ socket: Socket) {
        socket.close()
        core.connectionEnded()
    }

    /// Handlers that did not end in time are left to end by themselves, on the pool of late jobs.
    func loopEnded() {
        isDraining = true
        placement = nil
        closeEarly()
        acceptor = nil
        for stream in connections {
            stream.ownerSlot = -1
            reports.connectionClosed(sent: stream.sentTotal)
        }
        connections = []
        lookAgain()
    }
}
