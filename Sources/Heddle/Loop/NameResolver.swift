/// Looks names up for one loop, on threads of its own, since the system's resolver blocks. Owned by the
/// loop, which closes it.
///
/// A thread is made when a name waits, and ends when none does: a loop that looks nothing up has none.
/// A look-up that has begun cannot be broken off. If the loop ends meanwhile and it does not end soon, its
/// thread is left to end by itself, with the answer for nobody: four threads at most, for as long as the resolver's own time-outs
/// (resolv.conf(5): by default 5 s for each of two attempts at each server).
// Sendable: `waiting` and `seats` are guarded by `lock`.
final class NameResolver: @unchecked Sendable {
    typealias Answer = Result<[[UInt8]], UVError>

    /// Names one loop has looked up at the same time.
    static let maximumThreads = 4
    /// How long the loop's end waits for look-ups that have begun: most take less.
    private static let patienceNanoseconds: UInt64 = 250_000_000
    /// Names that wait for a thread.
    static let maximumWaiting = 1024

    /// One name to look up, with who is told.
    // Sendable: `answered` is guarded by the resolver's lock.
    final class Lookup: @unchecked Sendable {
        fileprivate let host: String
        fileprivate var answered: (@Sendable (Answer) -> Void)?

        fileprivate init(host: String, answered: @escaping @Sendable (Answer) -> Void) {
            self.host = host
            self.answered = answered
        }
    }

    /// One thread, and what it is at.
    // Sendable: everything is guarded by the resolver's lock.
    private final class Seat: @unchecked Sendable {
        var thread: LoopThread?
        var lookup: Lookup?
        var isOver = false
    }

    private let resolve: @Sendable (String) -> Answer
    private let lock = Lock()
    private var waiting: [Lookup] = []
    private var seats: [Seat] = []

    /// - Parameter resolve: blocks until it has an answer.
    init(_ resolve: @escaping @Sendable (String) -> Answer = NameResolver.askSystem) {
        self.resolve = resolve
    }

    private static func askSystem(_ host: String) -> Answer {
        do {
            return .success(try SystemResolver.addresses(of: host))
        } catch {
            return .failure(error)
        }
    }

    /// How many threads there are now.
    var threadCount: Int {
        lock.withLock { workingSeats }
    }

    /// With the lock held.
    private var workingSeats: Int { seats.count(where: { !$0.isOver }) }

    // MARK: On the loop

    /// Has `host` looked up. `answered` is called once, on another thread, unless the look-up is cancelled or
    /// the resolver closed before.
    func lookUp(
        _ host: String, threadName: String, answered: @escaping @Sendable (Answer) -> Void
    ) throws -> Lookup {
        reap()
        let lookup = Lookup(host: host, answered: answered)
        let seat: Seat? = try lock.withLock {
            guard waiting.count < Self.maximumWaiting else {
                throw IOError(
                    .resourcesExhausted, "look up", on: host,
                    reason: "\(Self.maximumWaiting) names are waiting already")
            }
            waiting.append(lookup)
            guard workingSeats < Self.maximumThreads else { return nil }
            let seat = Seat()
            seats.append(seat)
            return seat
        }
        if let seat { try fill(seat, for: lookup, threadName) }
        return lookup
    }

    private func fill(_ seat: Seat, for lookup: Lookup, _ name: String) throws {
        do {
            let thread = try LoopThread(name: name) { self.work(at: seat) }
            lock.withLock { seat.thread = thread }
        } catch {
            let isHopeless = lock.withLock {
                seats.removeAll { $0 === seat }
                return workingSeats == 0
            }
            // Another thread will come to it; without one nobody would.
            guard isHopeless else { return }
            cancel(lookup)
            throw error
        }
    }

    /// Nobody waits for `lookup` any more: it does not begin, or its answer is let go.
    func cancel(_ lookup: Lookup) {
        // What is let go must not end inside the lock.
        let answered = lock.withLock {
            waiting.removeAll { $0 === lookup }
            defer { lookup.answered = nil }
            return lookup.answered
        }
        withExtendedLifetime(answered) {}
    }

    /// The loop ends: nobody is told anything any more. Threads that are done, or will be in a moment, are
    /// waited for, the others left to themselves.
    func close() {
        let left = lock.withLock {
            defer { waiting = [] }
            return waiting + seats.compactMap(\.lookup)
        }
        for lookup in left { cancel(lookup) }
        let deadline = UVLoop.hrtimeNanoseconds + Self.patienceNanoseconds
        let leaving = lock.withLock {
            while seats.contains(where: { $0.lookup != nil }) {
                guard lock.wait(untilNanoseconds: deadline) else { break }
            }
            defer { seats = [] }
            return seats.map { seat in
                defer { seat.thread = nil }
                return seat.lookup == nil ? seat.thread : nil
            }
        }
        for thread in leaving { thread?.join() }
    }

    /// Takes back threads that had nothing to do any more.
    private func reap() {
        let over = lock.withLock {
            let over = seats.filter(\.isOver)
            seats.removeAll(where: \.isOver)
            return over.compactMap(\.thread)
        }
        for thread in over { thread.join() }
    }

    // MARK: On the threads

    private func work(at seat: Seat) {
        while let lookup = next(at: seat) {
            let answer = resolve(lookup.host)
            let answered = lock.withLock {
                seat.lookup = nil
                lock.signalAll()
                defer { lookup.answered = nil }
                return lookup.answered
            }
            answered?(answer)
        }
    }

    private func next(at seat: Seat) -> Lookup? {
        lock.withLock {
            guard !waiting.isEmpty else {
                seat.isOver = true
                return nil
            }
            let lookup = waiting.removeFirst()
            seat.lookup = lookup
            return lookup
        }
    }
}
