internal import Glibc

/// The synchronous heart of a child process: it runs, may be told to end, ends, and is waited for. Held by
/// libuv's handle until that is closed, and by its public face; everything here belongs to the loop's thread.
///
/// It is a member of its loop while it runs, and while a group is ended that it led and that outlives it: a stop
/// lets it run until the grace has passed.
// Sendable: references cross threads, but every use is on the loop's thread.
final class ChildCore: UVProcess, LoopMember, @unchecked Sendable {
    /// How long a child may take to end after SIGTERM when its loop stops: half of what a stop waits for
    /// what it cancelled.
    static let stopGrace: Duration = .milliseconds(250)
    /// How long a stopping loop waits for a killed child. Only one that the kernel cannot end yet takes
    /// so long: it waits for a device.
    static let reapMilliseconds = 5_000

    /// When the group of a terminated leader is looked at, as nothing tells when the last of it has ended: after
    /// this time, and after twice the last one, up to the second.
    private static let groupLookNanoseconds: (first: UInt64, most: UInt64) = (
        2_000_000, 250_000_000
    )

    let loop: LoopCore
    private let name: String
    /// Whether it is in a group of its own, and the number of a group it has joined.
    private let leadsGroup: Bool
    private let joinedGroup: Int32?
    private let grace: Duration
    private let timeout: Duration?
    private(set) var status: TerminationStatus?
    /// Whether other code has waited for it, so that nobody knows how it ended.
    private var isTaken = false
    private var isTerminating = false
    /// Whether the leader has ended while it was terminated, and its group is still there.
    private var isGroupLeft = false
    private var groupLookNanoseconds = ChildCore.groupLookNanoseconds.first
    private var hasTimedOut = false
    private var killDeadline = UInt64.max
    private var waiters: [Waiter] = []
    private lazy var timeoutAlarm = ChildAlarm { [unowned self] in timeIsUp() }
    private lazy var killAlarm = ChildAlarm { [unowned self] in killTimeIsUp() }
    private lazy var groupAlarm = ChildAlarm { [unowned self] in lookAtGroup() }

    init(
        _ configuration: ChildProcess.Configuration, _ request: UVSpawn, on loop: LoopCore
    ) throws(UVError) {
        self.loop = loop
        name = ChildSpawn.name(of: configuration)
        leadsGroup = configuration.createSession || configuration.processGroupID == 0
        joinedGroup = configuration.processGroupID.flatMap { $0 > 0 ? $0 : nil }
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
        guard toGroup else {
            if send(signal: signal.rawValue) { return }
            throw IOError(errno: errno, operation, on: subject)
        }
        guard let group = leadsGroup ? processID : joinedGroup else {
            throw IOError(
                .invalidArgument, operation, on: "the group of \(subject)",
                reason: "it is in that of this process: see processGroupID")
        }
        guard kill(-group, signal.rawValue) == 0 else {
            throw IOError(errno: errno, operation, on: subject)
        }
    }

    /// To the child, or its group if that is its own. It is there until it was waited for, and may be sent
    /// anything unless it has another user by now, which only that user can change.
    private func send(_ signal: ProcessSignal) {
        guard isRunning else { return }
        if leadsGroup {
            kill(-processID, signal.rawValue)
        } else {
            _ = send(signal: signal.rawValue)
        }
    }

    /// SIGTERM now and SIGKILL after `grace`. Again, the grace that ends first counts.
    func terminate(within grace: Duration) {
        guard isRunning || isGroupLeft else { return }
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
        if grace <= .zero { killTimeIsUp() } else { loop.schedule(killAlarm, at: deadline) }
    }

    private func killTimeIsUp() {
        send(.kill)
        if isGroupLeft { killGroup() }
    }

    private func timeIsUp() {
        guard isRunning else { return }
        hasTimedOut = true
        terminate(within: grace)
    }

    // MARK: The end

    override func didExit(status: Int32, signal: Int32) {
        self.status = signal == 0 ? .exited(status) : .signaled(ProcessSignal(rawValue: signal))
        ended()
    }

    override func wasTaken() {
        isTaken = true
        ended()
    }

    private func ended() {
        loop.cancel(timeoutAlarm)
        close()
        isGroupLeft = isTerminating && leadsGroup && group.exists
        wakeWaiters()
        guard isGroupLeft else { return isOver() }
        if UVLoop.hrtimeNanoseconds >= killDeadline { killGroup() } else { lookAtGroup() }
    }

    private func isOver() {
        loop.cancel(killAlarm)
        wakeWaiters()
        loop.removeMember(self)
    }

    private func wakeWaiters() {
        for waiter in waiters { waiter.finish(.fired, on: loop) }
    }

    // MARK: The rest of its group

    private var group: ProcessGroup { ProcessGroup(number: processID) }

    private func lookAtGroup() {
        let look = GroupLook(group)
        loop.poolShare.release({ look.look() }) {
            guard self.isGroupLeft else { return }
            guard look.hasLiving else { return self.groupEnded() }
            let wait = self.groupLookNanoseconds
            self.groupLookNanoseconds = min(wait * 2, Self.groupLookNanoseconds.most)
            self.loop.schedule(self.groupAlarm, at: UVLoop.hrtimeNanoseconds &+ wait)
        }
    }

    private func killGroup() {
        group.kill()
        groupEnded()
    }

    private func groupEnded() {
        guard isGroupLeft else { return }
        isGroupLeft = false
        loop.cancel(groupAlarm)
        isOver()
    }

    /// Carries a look at the group to the pool and back.
    // Sendable: `hasLiving` is set on the pool's thread before libuv tells the loop.
    private final class GroupLook: @unchecked Sendable {
        private let group: ProcessGroup
        private(set) var hasLiving = false

        init(_ group: ProcessGroup) {
            self.group = group
        }

        func look() {
            hasLiving = group.hasLiving
        }
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
        guard let status else {
            guard isTaken else { throw loop.stoppedError("wait for", on: subject) }
            throw IOError(
                .system, "wait for", on: subject,
                reason: "other code of this process has waited for it")
        }
        if hasTimedOut, let timeout {
            throw IOError(
                .timedOut, "run", on: subject, reason: "it did not end within \(timeout.text)")
        }
        return status
    }

    /// Ends the child and waits for that, whatever is cancelled.
    func terminateAndWait(within grace: Duration?) async {
        terminate(within: grace ?? self.grace)
        while isRunning || isGroupLeft {
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

    func loopEnded() {
        if isGroupLeft { killGroup() }
    }

    /// The loop goes: nobody would wait for the child after this.
    override func closeForced() {
        guard isRunning else { return }
        send(.kill)
        for _ in 0..<Self.reapMilliseconds {
            if waitIfEnded() { return }
            poll(nil, 0, 1)
        }
        ended()
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
