/// Something that lives on a loop and takes part in its stop: a server's share on that loop, or the
/// worker's body. Used on the loop's thread.
protocol LoopMember: AnyObject {
    /// Whether nothing of it is running any more.
    var isIdle: Bool { get }
    /// First phase: take nothing new, and let what there is come to its end.
    func beginDrain()
    /// Third phase: cancel what is left.
    func cancelRemaining()
    /// The loop has closed everything: whoever waits for the member must wait no more.
    func loopEnded()
}

extension LoopCore {
    /// Has a member take part in the stop. One that comes when all have been told of the loop's end is told of it
    /// at once, and not kept: it and the loop would hold each other for ever.
    func addMember(_ member: any LoopMember) {
        guard !haveMembersEnded else { return member.loopEnded() }
        members[ObjectIdentifier(member)] = member
    }

    func removeMember(_ member: any LoopMember) {
        members[ObjectIdentifier(member)] = nil
        memberBecameIdle()
    }

    /// Adds a member that stays as long as the loop does.
    func addResident(_ member: any LoopMember) {
        residents.append(member)
    }

    /// Everything that takes part in a stop.
    var allMembers: [any LoopMember] { Array(members.values) + residents }

    /// Tells a stop in progress to look again.
    func memberBecameIdle() {
        drainWaiter?.finish(.fired, on: self)
    }

    private var areMembersIdle: Bool {
        allMembers.allSatisfy(\.isIdle)
    }

    func beginDrain() {
        for member in allMembers { member.beginDrain() }
    }

    func cancelMembers() {
        for member in allMembers { member.cancelRemaining() }
    }

    /// Waits until every member is idle, or `drainDeadline`, which may be moved meanwhile.
    func waitForMembers() async {
        while !areMembersIdle, UVLoop.hrtimeNanoseconds < drainDeadline {
            let alarm = WaitTimer(core: self)
            drainWaiter = alarm.waiter
            schedule(alarm, at: drainDeadline)
            while alarm.waiter.end == .pending { await park(alarm.waiter) }
            cancel(alarm)
            drainWaiter = nil
        }
    }
}
