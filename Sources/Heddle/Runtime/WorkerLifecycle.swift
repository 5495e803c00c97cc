/// The life of a worker: idle → starting → running → stopping → stopped. Pure: it answers each event
/// with what is to be done, and knows neither threads nor loops.
struct WorkerLifecycle {
    enum State: Equatable {
        case idle, starting, running, stopping, stopped
    }

    enum Start: Equatable { case launch, alreadyStarted, refuseStopped }
    enum Started: Equatable { case run, stopAtOnce }
    enum Stop: Equatable {
        /// Never started: it is stopped now.
        case endNow
        /// The thread is on its way and will see the request.
        case noted
        case beginTeardown
        /// A teardown is under way: its patience may only become shorter.
        case shortenTeardown
        case alreadyStopped
    }

    private(set) var state = State.idle
    private var isStopRequested = false

    mutating func start() -> Start {
        switch state {
        case .idle:
            state = .starting
            return .launch
        case .starting, .running, .stopping: return .alreadyStarted
        case .stopped: return .refuseStopped
        }
    }

    /// The thread has its loop.
    mutating func started() -> Started {
        precondition(state == .starting)
        state = isStopRequested ? .stopping : .running
        return isStopRequested ? .stopAtOnce : .run
    }

    mutating func stop() -> Stop {
        defer { isStopRequested = true }
        switch state {
        case .idle:
            state = .stopped
            return .endNow
        case .starting: return .noted
        case .running:
            state = .stopping
            return .beginTeardown
        case .stopping: return .shortenTeardown
        case .stopped: return .alreadyStopped
        }
    }

    /// The loop is closed and the result stored.
    mutating func ended() {
        precondition(state != .stopped, "a worker ended twice")
        state = .stopped
    }
}
