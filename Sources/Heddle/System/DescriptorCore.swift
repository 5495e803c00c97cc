internal import Glibc

/// The synchronous heart of a watched descriptor: libuv's handle on a duplicate that it owns and closes in its
/// close callback, and who waits. Owned by its public face; everything here belongs to the loop's thread.
// Sendable: references cross threads, but every use is on the loop's thread.
final class DescriptorCore: UVPoll, @unchecked Sendable {
    let loop: LoopCore
    private let number: Int32
    private let duplicate: Int32
    private let identity: DescriptorIdentity
    private let registry: DescriptorRegistry
    private var waits: [DescriptorWait] = []
    private var closers: [Waiter] = []
    private var isEndedByLoop = false

    /// Takes over `duplicate` and its entry in the registry; on failure they stay the caller's.
    private init(
        of number: Int32, duplicate: Int32, identity: DescriptorIdentity,
        registry: DescriptorRegistry, on loop: LoopCore
    ) throws(UVError) {
        self.loop = loop
        self.number = number
        self.duplicate = duplicate
        self.identity = identity
        self.registry = registry
        try super.init(loop: loop.uv, descriptor: duplicate)
    }

    private var subject: String { "descriptor \(number)" }

    static func watching(_ number: Int32, on loop: LoopCore) throws -> DescriptorCore {
        let subject = "descriptor \(number)"
        guard !loop.isRefusingWork else { throw loop.stoppedError("watch", on: subject) }
        let duplicate = fcntl(number, F_DUPFD_CLOEXEC, 0)
        guard duplicate >= 0 else { throw IOError(errno: errno, "watch", on: subject) }
        do {
            let registry = DescriptorRegistry.of(loop)
            let identity = DescriptorIdentity(of: duplicate)
            guard registry.add(number, identity) else {
                throw IOError(
                    .busy, "watch", on: subject, reason: "this loop watches it already")
            }
            do {
                return try DescriptorCore(
                    of: number, duplicate: duplicate, identity: identity, registry: registry,
                    on: loop)
            } catch {
                registry.remove(number, identity)
                // Regular files: EPERM, see epoll_ctl(2).
                throw IOError(
                    error.name == "EPERM" ? .invalidArgument : nil, "watch", on: subject, error)
            }
        } catch {
            Glibc.close(duplicate)
            throw error
        }
    }

    func wait(for events: DescriptorWatch.Events) async throws -> DescriptorWatch.Events {
        let events = events.intersection(.all)
        guard !events.isEmpty else {
            throw IOError(.invalidArgument, "wait for", on: subject, reason: "no event is named")
        }
        try Task.checkCancellation()
        try checkOpen()
        guard waits.allSatisfy({ $0.events.isDisjoint(with: events) }) else {
            throw IOError(
                .busy, "wait for", on: subject, reason: "another task waits for the same")
        }
        let wait = DescriptorWait(for: events)
        waits.append(wait)
        updateInterest()
        await loop.wait(for: wait)
        waits.removeAll { $0 === wait }
        updateInterest()
        // Ready and cancelled at once: nothing is lost, since readiness is not consumed.
        if wait.end == .cancelled { throw CancellationError() }
        if let ready = wait.ready { return ready }
        try checkOpen()
        throw loop.stoppedError("wait for", on: subject)
    }

    private func checkOpen() throws {
        guard phase != .open else { return }
        if isEndedByLoop { throw loop.stoppedError("wait for", on: subject) }
        throw IOError(.closed, "wait for", on: subject, reason: "the watch is closed")
    }

    /// Watches for what is waited for now, and for nothing while nobody waits: readiness that nobody takes
    /// would come again in each iteration.
    private func updateInterest() {
        guard phase == .open else { return }
        let wanted = waits.filter { $0.end == .pending }
            .reduce(into: DescriptorWatch.Events()) { $0.formUnion($1.events) }
        guard !wanted.isEmpty else { return stop() }
        do {
            try start(wanted.polled)
        } catch {
            // Only a handle that is being closed refuses; the waits are told then.
            assertionFailure("\(subject): \(error.message)")
        }
    }

    override func became(_ events: UVPollEvents?) {
        let came = events.map(DescriptorWatch.Events.init) ?? .all
        for wait in waits where wait.end == .pending {
            let ready = wait.events.intersection(came)
            guard !ready.isEmpty else { continue }
            wait.ready = ready
            wait.finish(.fired, on: loop)
        }
        updateInterest()
    }

    func closeAndWait() async {
        beginClose()
        while phase != .closed {
            let closer = Waiter()
            closers.append(closer)
            while closer.end == .pending { await loop.park(closer) }
        }
    }

    private func beginClose() {
        close()
        for wait in waits { wait.finish(.fired, on: loop) }
    }

    override func didLoseLastUser() {
        beginClose()
    }

    override func closeForced() {
        isEndedByLoop = true
        beginClose()
    }

    override func didClose() {
        Glibc.close(duplicate)
        registry.remove(number, identity)
        for closer in closers { closer.finish(.fired, on: loop) }
        closers = []
    }
}

/// A task that waits for a descriptor, and what that became ready for.
final class DescriptorWait: Waiter {
    let events: DescriptorWatch.Events
    var ready: DescriptorWatch.Events?

    init(for events: DescriptorWatch.Events) {
        self.events = events
    }
}

extension DescriptorWatch.Events {
    private static let pairs: [(DescriptorWatch.Events, UVPollEvents)] = [
        (.readable, .readable), (.writable, .writable), (.priority, .priority),
        (.disconnected, .disconnect),
    ]

    fileprivate var polled: UVPollEvents {
        Self.pairs.reduce(into: []) { if contains($1.0) { $0.formUnion($1.1) } }
    }

    fileprivate init(_ polled: UVPollEvents) {
        self = Self.pairs.reduce(into: []) { if polled.contains($1.1) { $0.formUnion($1.0) } }
    }
}
