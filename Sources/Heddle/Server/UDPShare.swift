/// One loop's share of a UDP server: its socket and the task that serves it. Used on the loop's thread.
// Sendable: references cross threads, but every use is on the loop's thread; `socket` is safe anywhere.
final class UDPShare: ServingShare, @unchecked Sendable {
    let socket: UDPSocket
    private var task: Task<Void, any Error>?
    private var isServed = false
    private var isDraining = false
    /// Whether the socket is closed and nobody serves it any more.
    private var hasEnded = false
    private var drainers: [Waiter] = []

    init(socket: UDPSocket) {
        self.socket = socket
    }

    /// Safe to use from any thread.
    var core: LoopCore { socket.core.loop }

    /// Serves the socket until the handler returns. Cancelling the task cancels the handler.
    func serve(_ handler: @escaping UDPServer.Handler) async throws {
        guard !isServed else {
            throw IOError(
                .busy, "serve on", on: "\(socket.localAddress)", reason: "it is served already")
        }
        isServed = true
        guard !hasEnded, !isDraining else { return }
        let socket = socket
        let task = Task(executorPreference: core) { try await handler(socket) }
        self.task = task
        let result = await withTaskCancellationHandler {
            await task.result
        } onCancel: {
            task.cancel()
        }
        self.task = nil
        await socket.core.closeAndWait()
        end()
        do {
            try result.get()
        } catch is CancellationError {
            // As was asked for.
        } catch let error as IOError where error.code == .loopStopped {
            // The handler was still at it when the loop's time was up.
        } catch let error as IOError where error.code == .closed && isDraining {
            // The handler waited for a datagram, and none comes any more.
        }
    }

    private func end() {
        hasEnded = true
        for drainer in drainers { drainer.finish(.fired, on: core) }
        drainers = []
        core.removeMember(self)
    }

    /// Takes nothing more in and waits for the handler until `deadline`, then cancels it and waits. On the
    /// loop.
    func drain(until deadline: UInt64) async {
        beginDrain()
        let alarm = CancelAlarm(share: self)
        if !hasEnded, !core.isRefusingWork { core.schedule(alarm, at: deadline) }
        while !hasEnded, !core.uv.isClosed {
            let waiter = Waiter()
            drainers.append(waiter)
            while waiter.end == .pending { await core.park(waiter) }
        }
        if core.isCurrent, !core.uv.isClosed { core.cancel(alarm) }
    }

    /// The end of the patience with a handler.
    private final class CancelAlarm: LoopTimer {
        private let share: UDPShare

        init(share: UDPShare) {
            self.share = share
        }

        override func fired() {
            share.cancelRemaining()
        }
    }
}

extension UDPShare: LoopMember {
    var isIdle: Bool { hasEnded || task == nil }

    func beginDrain() {
        guard !isDraining, !hasEnded else { return }
        isDraining = true
        socket.core.endInput()
        guard task == nil else { return }
        // Nobody serves it, and nobody will.
        socket.core.beginClose()
        core.eventLoop?.task {
            await self.socket.core.closeAndWait()
            self.end()
        }
    }

    func cancelRemaining() {
        task?.cancel()
    }

    /// A handler that did not end in time is left to end by itself, on the pool of late jobs.
    func loopEnded() {
        isDraining = true
        hasEnded = true
        for drainer in drainers { drainer.finish(.loopStopped, on: core) }
        drainers = []
    }
}
