import Heddle

/// One UDP socket of a load: keeps `depth` datagrams in flight, checks every one that comes back, measures
/// how long it took, and sends another when none has come in time. Used on its socket's loop.
// Sendable: the window is used by the tasks of `run` alone, which run on one loop.
final class LoadSocket: LoadClient, @unchecked Sendable {
    /// The most datagrams made before they are sent.
    private static let batch = 64

    private let socket: UDPSocket
    private let clock: LoopClock
    private let brief: LoadBrief
    private let plan: LoadPlan
    private var window: LoadWindow
    private var lost = 0
    private var late = 0

    init(socket: UDPSocket, clock: LoopClock, brief: LoadBrief) {
        self.socket = socket
        self.clock = clock
        self.brief = brief
        plan = brief.plan
        window = LoadWindow(places: plan.depth, size: plan.size)
    }

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.exchange() }
            group.addTask { try await self.replaceLost() }
            // Whichever sees that nothing is in flight any more.
            try await group.next()
            group.cancelAll()
        }
    }

    func close() async {
        await socket.close()
    }

    private func exchange() async throws {
        try await send(Array(0..<plan.depth))
        while !isOver {
            let replies = try await socket.receiveBatch()
            let now = Stopwatch.now
            let free = try replies.compactMap { try check($0, at: now) }
            if !brief.end.hasCome { try await send(free) }
        }
    }

    /// Gives up what is not answered in time, and sends another in its place.
    private func replaceLost() async throws {
        let interval = max(plan.timeout / 8, .milliseconds(1))
        let patience = UInt64(plan.timeout / .nanoseconds(1))
        while !isOver {
            try await clock.sleep(for: interval)
            // The clock begins with the machine, which may be younger than the patience is long.
            let (limit, isTooEarly) = Stopwatch.now.subtractingReportingOverflow(patience)
            let free = window.giveUp(sentBefore: isTooEarly ? 0 : limit)
            lost += free.count
            brief.recorder.lose(free.count)
            if !brief.end.hasCome { try await send(free) }
        }
    }

    private var isOver: Bool { brief.end.hasCome && window.inFlight == 0 }

    // MARK: Datagrams

    private func send(_ places: [Int]) async throws {
        for first in stride(from: 0, to: places.count, by: Self.batch) {
            let now = Stopwatch.now
            let datagrams = places[first..<min(first + Self.batch, places.count)].map {
                Datagram(request(window.begin($0, at: now)))
            }
            if let failure = try await socket.send(datagrams).first { throw failure.error }
        }
    }

    private func request(_ number: UInt64) -> Bytes {
        let head = LoadWindow.head(number &+ salt, size: plan.size)
        let rest = brief.pattern.slice(
            of: brief.number, from: brief.pattern.offset(of: number, size: plan.size) + head.count,
            count: plan.size - head.count)
        return Bytes(joining: [head, rest])
    }

    /// The place that a reply frees; nil for one that came too late.
    private func check(_ reply: Datagram, at now: UInt64) throws -> Int? {
        let bytes = reply.bytes
        guard bytes.count == plan.size, !reply.isTruncated else {
            throw failure(
                "sent \(bytes.count) bytes\(reply.isTruncated ? " or more" : "") for \(plan.size)")
        }
        let number = LoadWindow.number(in: bytes) &- salt
        let answer = window.reply(number, at: now)
        if case .unknown = answer { throw failure("sent a datagram that it did not get") }
        // What is longer than its number has the whole of it.
        if bytes.count > LoadWindow.numberBytes {
            try brief.check(
                bytes.dropFirst(LoadWindow.numberBytes),
                at: brief.pattern.offset(of: number, size: plan.size) + LoadWindow.numberBytes)
        }
        guard case .inTime(let place, let nanoseconds) = answer else {
            late += 1
            // Each that was given up may still come, once.
            guard late <= lost else { throw failure("sent more datagrams than it got") }
            return nil
        }
        brief.recorder.record(nanoseconds: nanoseconds)
        return place
    }

    /// What tells the numbers of one socket from those of the others.
    private var salt: UInt64 { UInt64(brief.number) &* 0x9E37_79B9_7F4A_7C15 }

    private func failure(_ reason: String) -> CommandFailure {
        CommandFailure("\(plan.target) \(reason), on connection \(brief.number)")
    }
}
