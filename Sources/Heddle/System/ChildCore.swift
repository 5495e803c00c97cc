internal import Glibc

/// The synchronous heart of a child process: it runs, may be told to end, ends, and is waited for. Held by
/// libuv's handle until that is closed, and by its public face; everything here belongs to the loop's thread.
///
/// It is a member of its loop while it runs: a stop lets it run until the grace has passed.
// Sendable: references cross threads, but every use is on the loop's thread.
final class ChildCore: UVProcess, LoopMember, @unchecked Sendable {
    /// How long a child may take to end after SIGTERM when its loop stops: half of what a stop waits for
    /// what it cancelled.
    static let stopGrace: Duration = .milliseconds(250)
    /// How long a stopping loop waits for a killed child. Only one that the kernel cannot end yet takes
    /// so long: it waits for a device.
    static let reapMilliseconds = 5_000

    let loop: LoopCore
    private let name: String
    private let leadsGroup: Bool
    private let grace: Duration
    private let timeout: Duration?
    private(set) var status: TerminationStatus?
    private var isTerminating = false
    private var hasTimedOut = false
    private var killDeadline = UInt64.max
    private var waiters: [Waiter] = []
    private lazy var timeoutAlarm = ChildAlarm { [unowned self] in timeIsUp() }
    private lazy var killAlarm = ChildAlarm { [unowned self] in send(.kill) }

    init(
        _ configuration: ChildProcess.Configuration, _ request: UVSpawn, on loop: LoopCore
    ) throws(UVError) {
        self.loop = loop
        name = ChildSpawn.name(of: configuration)
        leadsGroup = configuration.createSession
        grace = configuration.terminationGrace
        timeout = configuration.timeout
        try super.init(loop: loop.uv, request)
        loop.addMember(self)
        if let timeout { loop.schedule(timeoutAlarm, at: Self.deadline(after: timeout)) }
    }

    private static func deadline(after duration: Duration) -> UInt64 {
        UVLoop.hrtimeNanoseconds &+ UInt64(max(0, duration.clampedNanoseconds))
    }

    /// For errors: the program's name and its process.
    var subject: String { "\(name) (process \(processID))" }

    private var isRunning: Bool { status == nil && phase == .open }

    // MARK: Signals

    /// - Throws: ``IOError/Code/closed`` once the child has ended: its number may be another's by then.
    func send(_ signal: ProcessSignal, toGroup: Bool) throws {
        let operation = "send \(signal) to"
        guard isRunning else {
            throw IOError(.closed, operation, on: subject, reason: "it has ended")
        }
        guard !toGroup || leadsGroup else {
            throw IOError(
                .invalidArgument, operation, on: "the group of \(subject)",
                reason: "it has no group of its own: see createSession")
        }
        guard kill(toGroup ? -processID : processID, signal.rawValue) == 0 else {
            throw IOError(errno: errno, operation, on: subject)
        }
    }

    /// To the child, or its group if that is its own. It is there until it was waited for, and may be sent
    /// anything unless it has another user by now, which only that user can change.
    private func send(_ signal: ProcessSignal) {
        guard isRunning else { return }
        kill(leadsGroup ? -processID : processID, signal.rawValue)
    }

    /// SIGTERM now and SIGKILL after `grace`. Again, the grace that ends first counts.
    func terminate(within grace: Duration) {
        guard isRunning else { return }
        if !isTerminating {
            isTerminating = true
            send(.terminate)
            // A held process would not see it.
            send(.resume)
        }
        let deadline = Self.deadline(after: grace)
        guard deadline < killDeadline else { return }
        killDeadline = deadline
        loop.cancel(killAlarm)
        if grace <= .zero { send(.kill) } else { loop.schedule(killAlarm, at: deadline) }
    }

    private func timeIsUp() {
        guard isRunning else { return }
        hasTimedOut = true
        terminate(within: grace)
    }

    // MARK: The end

    override func didExit(status: Int64, signal: Int32) {
        self.status =
            signal == 0
            ? .exited(Int32(truncatingIfNeeded: status))
            : .signaled(ProcessSignal(rawValue: signal))
        ended()
    }

    private func ended() {
        loop.cancel(timeoutAlarm)
        loop.cancel(killAlarm)
        close()
        for waiter in waiters { waiter.finish(.fired, on: loop) }
        loop.removeMember(self)
    }

    /// Waits for the end; cancelling the task leaves the child alone.
    func wait() async throws -> TerminationStatus {
        while isRunning {
            let waiter = Waiter()
            waiters.append(waiter)
            await loop.wait(for: waiter)
            waiters.removeAll { $0 === waiter }
            if waiter.end == .cancelled { throw CancellationError() }
        }
        guard let status else { throw loop.stoppedError("wait for", on: subject) }
        if hasTimedOut, let timeout {
            throw IOError(
                .timedOut, "run", on: subject, reason: "it did not end within \(timeout.text)")
        }
        return status
    }

    /// Ends the child and waits for that, whatever is cancelled.
    func terminateAndWait(within grace: Duration?) async {
        terminate(within: grace ?? self.grace)
        while isRunning {
            let waiter = Waiter()
            waiters.append(waiter)
            while waiter.end == .pending { await loop.park(waiter) }
            waiters.removeAll { $0 === waiter }
        }
    }

    /// Nobody refers to it any more: it ends, and is waited for then.
    override func didLoseLastUser() {
        terminate(within: grace)
    }

    // MARK: The loop's stop

    var isIdle: Bool { false }

    func beginDrain() {}

    func cancelRemaining() {
        terminate(within: Self.stopGrace)
    }

    func loopEnded() {}

    /// The loop goes: nobody would wait for the child after this.
    override func closeForced() {
        guard isRunning else { return }
        send(.kill)
        status = reap()
        ended()
    }

    private func reap() -> TerminationStatus? {
        for _ in 0..<Self.reapMilliseconds {
            var word: Int32 = 0
            // The system writes into the local during the call only.
            let waited = unsafe waitpid(processID, &word, WNOHANG)
            if waited == processID {
                let signal = word & 0x7F
                return signal == 0
                    ? .exited(word >> 8 & 0xFF) : .signaled(ProcessSignal(rawValue: signal))
            }
            // Somebody else has waited for it.
            if waited < 0, errno == ECHILD { return nil }
            poll(nil, 0, 1)
        }
        return nil
    }
}

/// A deadline of a child process. Owned by the child.
private final class ChildAlarm: LoopTimer {
    private let action: () -> Void

    init(_ action: @escaping () -> Void) {
        self.action = action
    }

    override func fired() {
        action()
    }
}
