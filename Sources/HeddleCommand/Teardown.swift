import Heddle
import Synchronization

/// What happened while everything was torn down, in the order in which it did: a list that the program
/// and the stopping loops add to as things happen. Safe to use from any thread.
final class Teardown: Sendable {
    /// One kind of thing that happened, to so many, the last of them at a time.
    private struct Entry {
        let what: String
        var count: Int
        var nanoseconds: UInt64
    }

    private let start = LoadConnection.now
    private let entries = Mutex<[Entry]>([])

    /// Something happened now, to `count` more or to `total` in all; of the same thing the last time is
    /// kept.
    func happened(_ what: String, count: Int = 1, total: Int? = nil) {
        let time = LoadConnection.now - start
        entries.withLock { entries in
            var entry = Entry(what: what, count: count, nanoseconds: time)
            if let index = entries.firstIndex(where: { $0.what == what }) {
                let before = entries.remove(at: index)
                entry.count += before.count
            }
            entry.count = total ?? entry.count
            entries.append(entry)
        }
    }

    /// Has the loops of a runtime report the phases of their stop, and how many connections of the
    /// server had ended then.
    func observe(_ runtime: Runtime, serving server: TCPServer) {
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

    /// A line for each, with the time since the stop was asked for.
    func lines(style: Style) -> [String] {
        var table = Table(.right, .right, .left)
        for entry in entries.withLock({ $0 }) {
            table.add(
                Text.fixed(Double(entry.nanoseconds) / 1e6, 2) + " ms", Text.grouped(entry.count),
                entry.what)
        }
        return table.lines(styleFirst: style.dim)
    }
}
