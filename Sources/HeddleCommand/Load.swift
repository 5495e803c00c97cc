import Heddle

/// A closed-loop load over the loops of a runtime: connects, runs, and gives what was measured.
struct Load: Sendable {
    /// How long after the end the last replies may take.
    private static let patience: Duration = .seconds(5)

    let plan: LoadPlan
    private let connections: [LoadConnection]
    private let recorders: [LoadRecorder]
    private let loops: [EventLoop]
    private let end = LoadEnd()

    /// Opens all connections, on the loops in turn.
    ///
    /// - Throws: what connecting throws first; none is left open then.
    init(_ plan: LoadPlan, on runtime: Runtime) async throws {
        self.plan = plan
        let recorders = runtime.loops.map { _ in LoadRecorder() }
        let pattern = LoadPattern(size: plan.size)
        var connections: [LoadConnection] = []
        for index in 0..<plan.connections {
            let place = index % runtime.loops.count
            let connection = try await TCPConnection.connect(
                to: plan.target, on: runtime.loops[place], options: plan.connectionOptions)
            connections.append(
                LoadConnection(
                    number: index + 1, connection: connection, plan: plan, pattern: pattern,
                    recorder: recorders[place], end: end))
        }
        self.connections = connections
        self.recorders = recorders
        loops = runtime.loops
    }

    /// Runs for the plan's duration, and until everything sent is answered. The connections stay open.
    ///
    /// - Throws: the first failure of a connection, which ends the load.
    func run() async throws -> LoadResult {
        let start = LoadConnection.now
        try await withThrowingTaskGroup(of: LoadPart.self) { group in
            for (index, connection) in connections.enumerated() {
                group.addTask(executorPreference: loops[index % loops.count].taskExecutor) {
                    try await connection.connection.inScope { try await connection.run() }
                    return .connection
                }
            }
            group.addTask { try await keepTime() }
            group.addTask { await showProgress(since: start) }
            var running = connections.count
            while running > 0, let part = try await group.next() {
                if part == .connection { running -= 1 }
            }
            group.cancelAll()
        }
        return LoadResult(plan: plan, nanoseconds: LoadConnection.now - start, recorders: recorders)
    }

    /// Closes the connections and calls `closed` for each, on its loop; returns when all are closed.
    func close(_ closed: @escaping @Sendable () -> Void = {}) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, connection) in connections.enumerated() {
                group.addTask(executorPreference: loops[index % loops.count].taskExecutor) {
                    try await connection.connection.close()
                    closed()
                }
            }
            try await group.waitForAll()
        }
    }

    /// The parts of a load that run side by side.
    private enum LoadPart {
        case connection, clock, progress
    }

    private func keepTime() async throws -> LoadPart {
        let clock = loops[0].clock
        try await clock.sleep(for: plan.duration)
        end.come()
        try await clock.sleep(for: Self.patience)
        throw CommandFailure("\(plan.target) left requests unanswered for 5 s")
    }

    /// A line on the terminal that is written over five times a second, and is gone at the end.
    private func showProgress(since start: UInt64) async -> LoadPart {
        guard Console.isErrorTerminal else { return .progress }
        var progress = LoadProgress(start: start, length: plan.duration)
        for await _ in loops[0].ticks(every: .milliseconds(200)) {
            progress.show(
                completed: recorders.reduce(0) { $0 + $1.completed }, at: LoadConnection.now)
        }
        progress.clear()
        return .progress
    }
}
