import Foundation
import Heddle

/// One run of the built `heddle`: its output as lines, its signals and its end. Owned by one test.
///
/// Output comes over socket pairs, so that Heddle itself reads it and no thread blocks.
final class Command: Sendable {
    /// How long a test waits for anything before it fails.
    static let patience: Duration = .seconds(30)

    /// How a run ended.
    struct Outcome: Equatable {
        /// The exit status; the negative number of the signal that ended it otherwise.
        let status: Int32
        let output: [String]
        let errors: [String]
    }

    let processID: pid_t
    private let output: LineReader
    private let errors: LineReader
    private let ending = Ending()

    /// Starts `heddle` with `arguments`; its end is awaited with `outcome()`.
    ///
    /// - Parameter wrapper: a program, by its path, with arguments that make it become `heddle`.
    init(_ arguments: [String], under wrapper: [String] = [], on loop: EventLoop) async throws {
        let (ourOutput, itsOutput) = try Self.socketPair()
        let (ourErrors, itsErrors) = try Self.socketPair()
        defer {
            close(itsOutput)
            close(itsErrors)
        }
        processID = try Self.spawn(
            wrapper + [Self.path] + arguments, output: itsOutput, errors: itsErrors)
        output = LineReader(try await TCPConnection.adopting(descriptor: ourOutput, on: loop))
        errors = LineReader(try await TCPConnection.adopting(descriptor: ourErrors, on: loop))
    }

    deinit {
        // A test that failed early must not leave the program running.
        if !ending.wasReaped {
            kill(processID, SIGKILL)
            waitpid(processID, nil, 0)
        }
    }

    /// The next line of standard output; nil at its end.
    func line() async throws -> String? {
        try await output.next()
    }

    /// The next line of standard error; nil at its end.
    func errorLine() async throws -> String? {
        try await errors.next()
    }

    /// The lines up to and with `ready`.
    func linesUntilReady() async throws -> [String] {
        var lines: [String] = []
        while let line = try await self.line() {
            lines.append(line)
            if line == "ready" { break }
        }
        return lines
    }

    func send(_ signal: Int32) {
        kill(processID, signal)
    }

    /// Waits for the end; gives the lines nobody has read.
    func outcome() async throws -> Outcome {
        let output = try await output.rest()
        let errors = try await errors.rest()
        return Outcome(status: ending.reap(processID), output: output, errors: errors)
    }

    // MARK: Starting

    /// Beside the tests' own program, where the package manager puts all it builds.
    static var path: String {
        let tests = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let candidates =
            [tests, CommandLine.arguments.first] + CommandLine.arguments.map(Optional.some)
        for case let candidate? in candidates where candidate.contains(".xctest") {
            var directory = URL(fileURLWithPath: candidate)
            while directory.path.contains(".xctest") { directory.deleteLastPathComponent() }
            let path = directory.appendingPathComponent("heddle").path
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        return "heddle"
    }

    private static func socketPair() throws -> (ours: Int32, its: Int32) {
        var pair: [Int32] = [0, 0]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &pair) == 0 else {
            throw POSIXError(.init(rawValue: errno)!)
        }
        return (pair[0], pair[1])
    }

    private static func spawn(_ line: [String], output: Int32, errors: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
        // Tests run on threads that block signals, and a child inherits that: it must get them all.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words = line.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var processID = pid_t()
        let status = posix_spawn(&processID, line[0], &actions, &attributes, &words, environ)
        guard status == 0 else { throw POSIXError(.init(rawValue: status)!) }
        return processID
    }

    /// Whether the process was waited for: after that its number may be another's.
    // Sendable: `status` is guarded by the lock.
    private final class Ending: @unchecked Sendable {
        private let lock = NSLock()
        private var status: Int32?

        var wasReaped: Bool { lock.withLock { status != nil } }

        /// Its output has ended, so the wait is short.
        func reap(_ processID: pid_t) -> Int32 {
            lock.withLock {
                if let status { return status }
                var word: Int32 = 0
                waitpid(processID, &word, 0)
                let ended = word & 0x7F == 0 ? word >> 8 & 0xFF : -(word & 0x7F)
                status = ended
                return ended
            }
        }
    }
}

/// The lines of one connection, one caller at a time.
private actor LineReader {
    private let connection: TCPConnection
    private var lines: TCPConnection.Inbound.Lines.Iterator

    init(_ connection: TCPConnection) {
        self.connection = connection
        lines = connection.inbound.lines.makeAsyncIterator()
    }

    func next() async throws -> String? {
        var lines = lines
        defer { self.lines = lines }
        return try await lines.next()
    }

    func rest() async throws -> [String] {
        var rest: [String] = []
        while let line = try await next() { rest.append(line) }
        return rest
    }
}
