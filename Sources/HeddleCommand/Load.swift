import Heddle

/// A closed-loop load over the loops of a runtime: connects, runs, and gives what was measured.
struct Load: Sendable {
    let plan: LoadPlan
    private let clients: [any LoadClient]
    private let recorders: [LoadRecorder]
    private let loops: [EventLoop]
    private let end = LoadEnd()

    /// Opens all clients, on the loops in turn.
    ///
    /// - Throws: what connecting throws first; none is left open then.
    init(_ plan: LoadPlan, on runtime: Runtime) async throws {
        self.plan = plan
        let recorders = runtime.loops.map { _ in LoadRecorder() }
        let pattern = LoadPattern(size: plan.size)
        var clients: [any LoadClient] = []
        for index in 0..<plan.connections {
            let place = index % runtime.loops.count
            let brief = LoadBrief(
                number: index + 1, plan: plan, pattern: pattern, recorder: recorders[place],
                end: end)
            clients.append(try await plan.target.connect(brief, on: runtime.loops[place]))
        }
        self.clients = clients
        self.recorders = recorders
        loops = runtime.loops
    }

    /// Runs for the plan's duration, and until everything sent is answered or lost. The clients stay open.
    ///
    /// - Throws: the first failure of a client, which ends the load.
    func run() async throws -> LoadResult {
        let start = Stopwatch.now
        try await withThrowingTaskGroup(of: LoadPart.self) { group in
            for (index, client) in clients.enumerated() {
                group.addTask(executorPreference: loops[index % loops.count].taskExecutor) {
                    try await client.run()
                    return .client
                }
            }
            group.addTask { try await keepTime() }
            group.addTask { await showProgress(since: start) }
            var running = clients.count
            while running > 0, let part = try await group.next() {
                if part == .client { running -= 1 }
            }
            group.cancelAll()
        }
        let result = LoadResult(
            plan: plan, nanoseconds: Stopwatch.now - start, recorders: recorders)
        guard result.requests > 0 else {
            throw CommandFailure("\(plan.target) answered none of \(result.lost) datagrams")
        }
        return result
    }

    /// Closes the clients and calls `closed` for each, on its loop; returns when all are closed.
    func close(_ closed: @escaping @Sendable () -> Void = {}) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, client) in clients.enumerated() {
                group.addTask(executorPreference: loops[index % loops.count].taskExecutor) {
                    try await client.close()
                    closed()
                }
            }
            try await group.waitForAll()
        }
    }

    /// The parts of a load that run side by side.
    private enum LoadPart {
        case client, clock, progress
    }

    private func keepTime() async throws -> LoadPart {
        let clock = loops[0].clock
        try await clock.sleep(for: plan.duration)
        end.come()
        try await clock.sleep(for: plan.patience)
        throw CommandFailure(
            "\(plan.target) left requests unanswered for \(Text.fixed(plan.patience / .seconds(1), 0)) s"
        )
    }

    /// A line on the terminal that is written over five times a second, and is gone at the end.
    private func showProgress(since start: UInt64) async -> LoadPart {
        guard Console.isErrorTerminal else { return .progress }
        var progress = LoadProgress(start: start, length: plan.duration)
        for await _ in loops[0].ticks(every: .milliseconds(200)) {
            progress.show(
                completed: recorders.reduce(0) { $0 + $1.completed }, at: Stopwatch.now)
        }
        progress.clear()
        return .progress
    }
}
