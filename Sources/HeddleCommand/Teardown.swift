import Heddle

/// What happened while everything was torn down, in the order in which it did: a list that the program
/// and the stopping loops add to as things happen. Safe to use from any thread.
final class Teardown: Sendable {
    /// One kind of thing that happened, to so many, the last of them at a time.
    private struct Entry {
        let what: String
        var count: Int
        var nanoseconds: UInt64
    }

    private struct State: Sendable {
        var start = Stopwatch.now
        var entries: [Entry] = []
        var failure: (any Error)?
    }

    private let state = Locked(State())

    /// Something happened now, to `count` more or to `total` in all; of the same thing the last time is
    /// kept.
    func happened(_ what: String, count: Int = 1, total: Int? = nil) {
        state.withLock { state in
            var entry = Entry(
                what: what, count: count, nanoseconds: Stopwatch.now - state.start)
            if let index = state.entries.firstIndex(where: { $0.what == what }) {
                entry.count += state.entries.remove(at: index).count
            }
            entry.count = total ?? entry.count
            state.entries.append(entry)
        }
    }

    /// Begins the list, and has the loops of a runtime add the phases of their stop to it, with how many
    /// connections of the server had ended then.
    func begin(of runtime: Runtime, serving server: TCPServer) {
        state.withLock { $0.start = Stopwatch.now }
        for loop in runtime.loops {
            loop.observeStop { phase in
                switch phase {
                case .listenerClosed: self.happened("listeners closed")
                case .connectionsEnded:
                    let now = server.statistics
                    let ended = now.acceptedConnections - now.openConnections
                    self.happened("server connections drained", total: ended)
                case .timersClosed: self.happened("loops' timers and signal watchers closed")
                case .inboxShut: self.happened("loops' inboxes shut")
                case .loopClosed: self.happened("loops closed, with no handle left")
                }
            }
        }
    }

    /// What was to be done before failed; the first failure counts.
    func failed(_ error: any Error) {
        state.withLock { $0.failure = $0.failure ?? error }
    }

    func throwIfFailed() throws {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// A line for each, with the time since the stop was asked for.
    func lines(style: Style) -> [String] {
        var table = Table(.right, .right, .left)
        for entry in state.withLock({ $0.entries }) {
            table.add(
                Text.fixed(Double(entry.nanoseconds) / 1e6, 2) + " ms", Text.grouped(entry.count),
                entry.what)
        }
        return table.lines(styleFirst: style.dim)
    }
}
