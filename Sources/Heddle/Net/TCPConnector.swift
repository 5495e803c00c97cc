/// One call to connect, over all addresses of a host, which race each other (RFC 8305). Used on the loop.
struct TCPConnector: Sendable {
    let endpoint: Endpoint
    let timeout: Duration
    let options: TCPOptions
    let resolver: any HostResolver

    init(
        endpoint: Endpoint, timeout: Duration, options: TCPOptions,
        resolver: any HostResolver = SystemHostResolver()
    ) throws {
        guard timeout > .zero else {
            throw IOError(
                .invalidArgument, "connect to", on: "\(endpoint)",
                reason: "a timeout of \(timeout.text)")
        }
        try options.validate()
        self.endpoint = endpoint
        self.timeout = timeout
        self.options = options
        self.resolver = resolver
    }

    func connect(on loop: LoopCore) async throws -> TCPConnection {
        guard !loop.isRefusingWork else { throw loop.stoppedError("connect to", on: "\(endpoint)") }
        let deadline = UVLoop.hrtimeNanoseconds &+ UInt64(timeout.clampedNanoseconds)
        let addresses = try await NameLookup.addresses(
            of: endpoint, on: loop, deadline: deadline, by: resolver)
        return try await connect(to: addresses, on: loop, until: deadline)
    }

    /// Connects to whichever of `addresses` answers first; every other socket is closed when this returns.
    func connect(
        to addresses: [SocketAddress], on loop: LoopCore, until deadline: UInt64
    ) async throws -> TCPConnection {
        if addresses.count == 1 {
            return try await attempt(addresses[0], on: loop, until: deadline)
        }
        // The attempts belong on the loop, also where the caller prefers no executor.
        return try await loop.hop { await self.race(addresses, on: loop, until: deadline) }.get()
    }

    // MARK: The race

    /// What one of the tasks in a race came to.
    private enum Outcome: Sendable {
        case connected(TCPConnection)
        case failed(IOError)
        case cancelled
        /// The attempt with this number has had its time alone.
        case delayPassed(Int)
    }

    private func race(
        _ addresses: [SocketAddress], on loop: LoopCore, until deadline: UInt64
    ) async -> Result<TCPConnection, any Error> {
        let order = ConnectionRace.order(addresses)
        var race = ConnectionRace(count: order.count)
        return await withTaskGroup(of: Outcome.self) { group in
            var failures: [IOError] = []
            var step = race.advance()
            var delay = 0
            while step != .giveUp {
                if case .attempt(let index) = step {
                    delay += 1
                    add(order[index], to: &group, on: loop, until: deadline)
                    if race.hasMore { addDelay(delay, to: &group, on: loop) }
                }
                switch await group.next() {
                case .connected(let connection):
                    await Self.callOff(&group)
                    return .success(connection)
                case .failed(let error):
                    failures.append(error)
                    let isOver = error.code == .loopStopped || UVLoop.hrtimeNanoseconds >= deadline
                    if isOver { race.startNoMore() }
                    step = race.failed()
                case .delayPassed(delay): step = race.advance()
                case .delayPassed: step = .wait
                case .cancelled, nil:
                    await Self.callOff(&group)
                    return .failure(CancellationError())
                }
            }
            await Self.callOff(&group)
            return .failure(failure(of: failures))
        }
    }

    private func add(
        _ address: SocketAddress, to group: inout TaskGroup<Outcome>, on loop: LoopCore,
        until deadline: UInt64
    ) {
        group.addTask(executorPreference: loop) {
            do {
                return .connected(try await self.attempt(address, on: loop, until: deadline))
            } catch let error as IOError {
                return .failed(error)
            } catch {
                return .cancelled
            }
        }
    }

    private func addDelay(_ number: Int, to group: inout TaskGroup<Outcome>, on loop: LoopCore) {
        let end = UVLoop.hrtimeNanoseconds + ConnectionRace.attemptDelayNanoseconds
        group.addTask(executorPreference: loop) {
            // Called off, or the loop stops: then the attempts end too, and say so.
            try? await loop.sleep(untilNanoseconds: end)
            return .delayPassed(number)
        }
    }

    /// Cancels what still runs, and waits for it. A connection that was made meanwhile is closed.
    private static func callOff(_ group: inout TaskGroup<Outcome>) async {
        group.cancelAll()
        while let outcome = await group.next() {
            if case .connected(let late) = outcome { await late.core.abandon() }
        }
    }

    private func failure(of attempts: [IOError]) -> IOError {
        guard attempts.count > 1 else { return attempts[0] }
        return IOError(
            attempts[0].code, "connect to", on: "\(endpoint)",
            reason: "none of \(attempts.count) addresses answered", causes: attempts)
    }

    /// Tries one address; the socket is closed again before this throws.
    private func attempt(
        _ address: SocketAddress, on loop: LoopCore, until deadline: UInt64
    ) async throws -> TCPConnection {
        guard !loop.isRefusingWork else { throw loop.stoppedError("connect to", on: "\(address)") }
        let socket = try Socket(for: address)
        let stream: TCPStream
        do {
            try socket.apply(options)
            stream = try TCPStream(
                on: loop, settings: StreamSettings(limits: options.limits), remote: address)
        } catch {
            socket.close()
            throw error
        }
        do {
            try stream.begin(on: socket, to: address)
            try await stream.waitConnected(until: deadline, timeout: timeout)
            return TCPConnection(stream: stream)
        } catch {
            // Closed before the next address is tried, or anybody hears of it.
            await stream.abandon()
            throw error
        }
    }
}

extension StreamCore {
    fileprivate func begin(on socket: Socket, to address: SocketAddress) throws {
        do {
            do {
                try open(descriptor: socket.descriptor)
            } catch {
                socket.close()
                throw error
            }
            // libuv copies the address during the call.
            try unsafe address.withSockaddr { pointer, _ throws(UVError) in
                try unsafe connect(to: pointer)
            }
        } catch let error as UVError {
            throw IOError(nil, "connect to", on: subject, error)
        }
    }

    fileprivate func waitConnected(until deadline: UInt64, timeout: Duration) async throws {
        let alarm = WaitTimer(core: loop)
        makeWaits().connector = alarm.waiter
        loop.schedule(alarm, at: deadline)
        defer {
            waits?.connector = nil
            loop.cancel(alarm)
        }
        try await loop.waitOrThrow(for: alarm.waiter, "connect to \(subject)")
        if alarm.timedOut {
            throw IOError(
                .timedOut, "connect to", on: subject, reason: "no answer within \(timeout.text)")
        }
        if let failure { throw failure }
        do {
            try startReading()
        } catch {
            throw IOError(nil, "read from", on: subject, error)
        }
    }

    /// Closes a stream that nobody has seen, and waits until it is closed, whatever is cancelled.
    fileprivate func abandon() async {
        reset()
        while phase != .closed {
            let waiter = Waiter()
            makeWaits().closers.append(waiter)
            await loop.park(waiter)
        }
    }
}
