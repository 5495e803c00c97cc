/// The shares of one server, as one: served together, each on its loop, and ended together. Safe to use from any
/// thread.
struct ServerScope<Share: ServingShare>: Sendable {
    let shares: [Share]

    init(_ shares: [Share]) {
        self.shares = shares
    }

    /// Serves each share by `body`, until all have ended.
    ///
    /// - Throws: what the first one threw, after the others were cancelled and all have ended.
    func serve(_ body: @escaping @Sendable (Share) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for share in shares {
                group.addTask(executorPreference: share.core) { try await body(share) }
            }
            // The first error leaves the group, which cancels the others and waits for them.
            for try await _ in group {}
        }
    }

    /// Has each share drain until `grace` has passed, and then cancel what is left. Returns when all have ended.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` for a negative grace.
    func stop(within grace: Duration, _ subject: String) async throws {
        try Worker.check(grace, "stop server", subject)
        let deadline = UVLoop.hrtimeNanoseconds &+ UInt64(grace.clampedNanoseconds)
        await withTaskGroup(of: Void.self) { group in
            for share in shares {
                group.addTask(executorPreference: share.core) { await share.drain(until: deadline) }
            }
        }
    }

    /// Nobody has the server any more: what it accepted may come to its end.
    func beginDrain() {
        for share in shares { share.core.postUnlessEnded { share.beginDrain() } }
    }
}

/// One loop's share of a server.
protocol ServingShare: AnyObject, Sendable {
    var core: LoopCore { get }
    /// Takes nothing new from now on. On the loop.
    func beginDrain()
    /// The same, waits until `deadline` for what there is, then cancels that and waits for its end. On the loop.
    func drain(until deadline: UInt64) async
}
