internal import Glibc

/// The phases of a loop's stop, in the order of the architecture's fifth law. The first three run as a
/// task on the loop, while it works as ever; the rest when the loop has been left.
extension LoopCore {
    /// How long what was cancelled may take to end before its resources are closed under it.
    private static let cancellationGraceNanoseconds: UInt64 = 500_000_000
    /// Loop iterations in which everything closed by force must have run its close callback.
    private static let maximumClosingTurns = 10_000

    /// Phases 1 to 3: listeners close, connections drain until `drainDeadline`, what is left is
    /// cancelled. Then the loop is left.
    func drainAndLeave() async {
        beginDrain()
        await waitForMembers()
        isPastDraining = true
        cancelMembers()
        drainDeadline = UVLoop.hrtimeNanoseconds &+ Self.cancellationGraceNanoseconds
        await waitForMembers()
        stopObserver?(.connectionsEnded)
        isRefusingWork = true
        uv.stopRunning()
    }

    /// Makes a drain under way end no later than `deadline`. What has been cancelled keeps its time to end.
    func shortenDrain(to deadline: UInt64) {
        guard !isPastDraining, deadline < drainDeadline else { return }
        drainDeadline = deadline
        memberBecameIdle()
    }

    /// Phases 3 to 6, on the loop's thread when its `run` has returned. Late jobs run from then on, whatever
    /// this throws.
    ///
    /// - Throws: ``IOError`` if a handle is left over, which is a bug, and names them.
    func finish() throws {
        defer { leaveLateJobs() }
        isRefusingWork = true
        closeWhatIsLeft()
        haveMembersEnded = true
        for member in allMembers { member.loopEnded() }
        // A member that never removed itself (a server nobody served) refers back to this loop.
        members = [:]
        residents = []
        stopTimers()
        resolver.close()
        // Nobody waits for work on libuv's pool any more, but what has begun there cannot be broken off: the speed
        // of the disks bounds this.
        while uv.pendingRequests > 0 { uv.runOnce() }
        closeHandles { $0.kind == .signal }
        turn(while: { self.uv.liveCount(.signal) > 0 })
        stopObserver?(.timersClosed)
        endLocals()
        shutTheDoor()
        stopObserver?(.inboxShut)
        closeMachinery()
        turn(while: { true })
        do {
            try uv.close()
        } catch {
            uv.abandon()
            throw IOError(
                nil, "close event loop", on: "\(name) (left: \(uv.liveDescription))", error)
        }
        stopObserver?(.loopClosed)
    }

    /// Phase 3: streams and listeners end by force, and their tasks hear of it.
    private func closeWhatIsLeft() {
        let isUsers = { (kind: UVHandleKind) in !kind.isMachinery && kind != .signal }
        closeHandles { isUsers($0.kind) }
        turn(while: { UVHandleKind.allCases.contains { isUsers($0) && self.uv.liveCount($0) > 0 } })
    }

    /// After phase 4: the values that are the loop's own go, by a job, behind those that the phases before made
    /// ready and that may still use them.
    private func endLocals() {
        if locals.count == 0 {
            locals.end()
            return
        }
        post { self.locals.end() }
        turn(while: { !self.locals.hasEnded })
    }

    /// Phase 5: what was accepted still runs; then the inbox takes nothing, and the async handle closes
    /// once nobody can be ringing it.
    private func shutTheDoor() {
        inbox.shut()
        for owned in dropped.takeAll(shutting: true) { owned.didLoseLastUser() }
        turn(while: { self.inbox.mayHaveMail })
        inbox.takeRest(into: queues)
        // Each once: what these make ready comes late.
        for _ in 0..<queues.readyCount { queues.popReady().map(run) }
        // A ringer is inside for a few instructions and one system call, but may be off the CPU meanwhile:
        // this must not give up on it.
        while !inbox.bell.closeIfQuiet() {
            _ = uv.runWithoutBlocking()
            sched_yield()
        }
    }

    private func closeHandles(_ condition: (UVHandle) -> Bool) {
        for handle in uv.openHandles() where condition(handle) { handle.closeForced() }
    }

    /// Runs iterations of the loop while `isNeeded`; each runs jobs, and close callbacks at its end.
    private func turn(while isNeeded: () -> Bool) {
        var turns = 0
        while isNeeded(), turns < Self.maximumClosingTurns {
            turns += 1
            if !uv.runWithoutBlocking() { break }
        }
    }

    /// Jobs that are ready still go to whoever runs late ones.
    private func leaveLateJobs() {
        stopObserver = nil
        setEventLoop(nil)
        leaveCurrent()
        var left: [ReadyItem] = []
        while let item = queues.popReady() { left.append(item) }
        lateJobs.open(with: left, for: self)
    }
}
