import Glibc

/// What needs no socket: `micro heddle|nio TASK AMOUNT [FILE]`, which prints one JSON object.
///
/// - `timers N`: sets and cancels N timers. `ticks N`: 10,000 timers, until they have fired N times in all.
/// - `posts-P N`: P threads hand N closures to a loop. `hop N`: N times from one loop to another.
/// - `tasks N`: N times starts a task on a loop and awaits it. `lifecycle N`: N times starts and stops a
///   runtime of one loop.
/// - `file-reads-D N FILE`: reads N blocks of 4 KiB, D at a time.
@main
struct Micro {
    static func main() async throws {
        let words = CommandLine.arguments
        guard (4...5).contains(words.count), let amount = Int(words[3]), amount > 0,
            let subject: any MicroSubject = ["heddle": HeddleSubject(), "nio": NIOSubject()][
                words[1]]
        else { fatalError("usage: micro heddle|nio TASK AMOUNT") }
        let time: Time
        switch words[2] {
        case "timers": time = try await subject.timers(amount)
        case "ticks": time = try await subject.ticks(amount)
        case "hop": time = try await subject.hop(amount)
        case "tasks": time = try await subject.tasks(amount)
        case "lifecycle": time = try await subject.lifecycle(amount)
        case let name where name.hasPrefix("posts-"):
            time = try await subject.posts(amount, producers: Int(name.dropFirst(6))!)
        case let name where name.hasPrefix("file-reads-"):
            let depth = Int(name.dropFirst("file-reads-".count))!
            time = try await subject.fileReads(amount, depth: depth, path: words[4])
        default: fatalError("no task \(words[2])")
        }
        print("{\"operations\": \(amount), \"wall_ns\": \(time.wall), \"cpu_ns\": \(time.cpu)}")
    }
}

/// Something that can be measured without a socket.
protocol MicroSubject: Sendable {
    func timers(_ amount: Int) async throws -> Time
    func ticks(_ amount: Int) async throws -> Time
    func posts(_ amount: Int, producers: Int) async throws -> Time
    func hop(_ amount: Int) async throws -> Time
    func tasks(_ amount: Int) async throws -> Time
    func lifecycle(_ amount: Int) async throws -> Time
    func fileReads(_ amount: Int, depth: Int, path: String) async throws -> Time
}

/// Nanoseconds passed and nanoseconds of CPU time of the whole process.
struct Time: Sendable {
    let wall, cpu: Int

    static var now: Time {
        Time(wall: read(CLOCK_MONOTONIC), cpu: read(CLOCK_PROCESS_CPUTIME_ID))
    }

    static func since(_ start: Time) -> Time {
        let now = now
        return Time(wall: now.wall - start.wall, cpu: now.cpu - start.cpu)
    }

    private static func read(_ clock: clockid_t) -> Int {
        var time = timespec()
        clock_gettime(clock, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}

/// How the amounts are divided.
enum Amounts {
    /// Timers that are set at the same time.
    static let timersAtOnce = 10_000
    /// Timers that tick at the same time, and how often.
    static let tickers = 10_000
    static let tickMilliseconds = 50
}

/// A thread that runs `body` and ends.
func startThread(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(ThreadBody(run: body)).toOpaque()
    let error = pthread_create(
        &thread, nil,
        { box in
            Unmanaged<ThreadBody>.fromOpaque(box!).takeRetainedValue().run()
            return nil
        }, box)
    precondition(error == 0, "no thread: error \(error)")
    pthread_detach(thread)
}

/// What a thread runs, as an object that can pass through C.
private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(run: @escaping @Sendable () -> Void) { self.run = run }
}

// Sendable: made by one thread, then touched by one loop's thread alone.
/// A count that one loop's thread takes down to zero, and what is called then.
final class Countdown: @unchecked Sendable {
    private var left: Int
    private let full: @Sendable () -> Void

    init(_ amount: Int, _ full: @escaping @Sendable () -> Void) {
        left = amount
        self.full = full
    }

    func count() {
        left -= 1
        if left == 0 { full() }
    }

    var isOver: Bool { left <= 0 }
}
