/// What the pool for blocking work decides: which call starts a thread, waits in line or is refused, and what
/// a thread does next. Pure: it knows neither threads nor clocks, and is told of each event in turn by the
/// pool that owns it.
struct BlockingMachine<Work> {
    typealias Ticket = WaitList<Queued>.Ticket

    /// Work in line, and since when.
    struct Queued {
        let work: Work
        let sinceNanoseconds: UInt64
    }

    enum Submit {
        /// A thread is free, or on its way: wake one.
        case wakeThread(Ticket)
        /// Start another thread, which will take it.
        case startThread(Ticket)
        /// All threads are busy: it has its place in line.
        case queued(Ticket)
        /// The line is as long as it may be, and the caller does not want to wait.
        case full
        case stopped
    }

    enum Next {
        case run(Work)
        case wait
        /// The pool is closed: the thread ends.
        case exit
    }

    let maximumThreads: Int
    /// How long the line may be for callers who do not want to wait.
    let queueLimit: Int
    private var line = WaitList<Queued>()
    /// Threads that have been started and have not ended.
    private(set) var threads = 0
    private(set) var running = 0
    private(set) var completed = 0
    private(set) var isClosed = false
    private var longestWaitNanoseconds: UInt64 = 0

    init(maximumThreads: Int, queueLimit: Int) {
        self.maximumThreads = maximumThreads
        self.queueLimit = queueLimit
    }

    var queued: Int { line.count }

    /// Whether nothing runs and nothing waits.
    var isIdle: Bool { running == 0 && line.isEmpty }

    /// A call has work.
    mutating func submit(_ work: Work, at now: UInt64, mayWait: Bool) -> Submit {
        if isClosed { return .stopped }
        // Threads that run nothing, less those who wait for them already.
        let spare = threads - running - line.count
        let entry = Queued(work: work, sinceNanoseconds: now)
        if spare > 0 { return .wakeThread(line.append(entry)) }
        if threads < maximumThreads {
            threads += 1
            return .startThread(line.append(entry))
        }
        guard mayWait || -spare < queueLimit else { return .full }
        return .queued(line.append(entry))
    }

    /// A thread that `submit` asked for could not be started. While others run, they will come to the work;
    /// without any, it is returned to fail.
    mutating func threadFailed() -> [Work] {
        threads -= 1
        return threads == 0 ? takeAll() : []
    }

    /// A thread has nothing to do.
    mutating func next(at now: UInt64) -> Next {
        if let entry = line.popFirst() {
            longestWaitNanoseconds = max(
                longestWaitNanoseconds, Self.wait(since: entry.sinceNanoseconds, now))
            running += 1
            return .run(entry.work)
        }
        guard isClosed else { return .wait }
        threads -= 1
        return .exit
    }

    /// A thread has run its work.
    mutating func finished() {
        running -= 1
        completed += 1
    }

    /// Takes work out of line that has not begun; nil if it has, or was taken before.
    mutating func cancel(_ ticket: Ticket) -> Work? {
        line.remove(ticket)?.work
    }

    /// Takes nothing more, and ends the threads as they become free.
    ///
    /// - Returns: what has not begun, to fail.
    mutating func close() -> [Work] {
        isClosed = true
        return takeAll()
    }

    /// The longest that anything has waited in line, what waits now included.
    func longestWait(at now: UInt64) -> UInt64 {
        let waiting = line.first.flatMap { line[$0] }
        return max(
            longestWaitNanoseconds, waiting.map { Self.wait(since: $0.sinceNanoseconds, now) } ?? 0)
    }

    private mutating func takeAll() -> [Work] {
        var left: [Work] = []
        while let entry = line.popFirst() { left.append(entry.work) }
        return left
    }

    /// Read on different threads, the clock's times may be a little out of order.
    private static func wait(since start: UInt64, _ now: UInt64) -> UInt64 {
        now > start ? now - start : 0
    }
}
