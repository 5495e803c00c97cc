import Foundation
import Heddle
import TestSupport
import Testing

/// FAULTS.md N1: `heddle echo` while strace lets every accept4(2) fail. By default for two seconds, with
/// `HEDDLE_TEST_SCALE=full` for ten.
@Suite("heddle echo in a shortage", .together, .timeLimit(.minutes(2)))
struct ShortageTests {
    static let strace = ["/usr/bin/strace", "/usr/local/bin/strace", "/bin/strace"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    private static var seconds: Int {
        ProcessInfo.processInfo.environment["HEDDLE_TEST_SCALE"] == "full" ? 10 : 2
    }

    @Test(
        .enabled(if: ShortageTests.strace != nil, "strace(1) is not installed"),
        arguments: [(1, "EMFILE"), (4, "EMFILE"), (4, "ENOBUFS")])
    func `few accepts are tried, one line tells, and it goes on by itself`(
        threads: Int, number: String
    ) async throws {
        let log = FileManager.default.temporaryDirectory
            .appendingPathComponent("heddle-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: log) }
        try await withCommandLoop { loop in
            let command = try await Command(
                ["echo", "--tcp", "127.0.0.1:0", "--threads", "\(threads)"],
                under: Self.tracing(number, into: log),
                on: loop)
            let address = try EchoCommandTests.address(
                in: try await command.linesUntilReady().first)
            let clock = ContinuousClock()
            let start = clock.now
            let used = Self.cpuTicks(of: command.processID)
            var clients: [TCPConnection] = []
            for _ in 0..<16 {
                let client = try await TCPConnection.connect(to: address, on: loop)
                try await client.write("x")
                clients.append(client)
            }
            // Sleeps: the length of the shortage, in which accepts are counted.
            try await Task.sleep(for: .seconds(Self.seconds))
            let took = start.duration(to: clock.now)
            let ticks = Self.cpuTicks(of: command.processID) - used
            try await Self.endTracing(of: command.processID)

            let waited = try await Self.timeOfAnswers(to: clients, on: loop)
            #expect(waited < .seconds(1))
            let tries = try Self.tries(failingWith: number, in: log)
            #expect(Double(tries) <= 20 * (took / .seconds(1)))
            #expect(tries > threads, "no further try was seen")
            // Five per cent, and what it takes to begin.
            #expect(ticks <= Int(took / .milliseconds(200)) + 2, "\(ticks) ticks of 10 ms")
            for client in clients { try await client.close() }
            command.send(SIGTERM)
            let outcome = try await command.outcome()
            #expect(outcome.output == ["stopped: 16 connections, 16 bytes"])
            #expect(outcome.errors.count == 1)
            #expect(outcome.errors.first?.hasPrefix("heddle: accept on \(address): ") == true)
            #expect(outcome.errors.first?.hasSuffix("(\(number))") == true)
        }
    }

    /// On the loop: other suites block the threads of Swift's pool, for seconds.
    private static func timeOfAnswers(
        to clients: [TCPConnection], on loop: EventLoop
    ) async throws -> Duration {
        try await loop.task {
            let start = ContinuousClock.now
            for client in clients {
                let answer = try await client.read(exactly: 1)
                #expect(answer == "x")
            }
            return start.duration(to: .now)
        }.value
    }

    @Test(.enabled(if: ShortageTests.strace != nil, "strace(1) is not installed"))
    func `a server stops in the middle of a shortage`() async throws {
        try await withCommandLoop { loop in
            let command = try await Command(
                ["echo", "--tcp", "127.0.0.1:0", "--threads", "2"],
                under: Self.failing("accept4"), on: loop)
            let address = try EchoCommandTests.address(
                in: try await command.linesUntilReady().first)
            let client = try await TCPConnection.connect(to: address, on: loop)
            try await client.write("x")
            _ = try await command.errorLine()
            command.send(SIGTERM)
            let outcome = try await command.outcome()
            #expect(outcome.status == 0)
            #expect(outcome.output == ["stopped: 0 connections, 0 bytes"])
            client.reset()
        }
    }

    @Test(
        .enabled(if: ShortageTests.strace != nil, "strace(1) is not installed"),
        arguments: [
            (["echo", "--tcp", "127.0.0.1:0"], "epoll_create1"),
            (["echo", "--tcp", "127.0.0.1:0"], "socket"),
            (["load", "--tcp", "127.0.0.1:9"], "socket"),
        ])
    func `starting and connecting without descriptors are clear errors`(
        arguments: [String], call: String
    ) async throws {
        try await withCommandLoop { loop in
            let command = try await Command(arguments, under: Self.failing(call), on: loop)
            let outcome = try await command.outcome()
            #expect(outcome.status == 1)
            #expect(outcome.output == [])
            #expect(outcome.errors.count == 1)
            #expect(outcome.errors.first?.hasSuffix("(EMFILE)") == true, "\(outcome.errors)")
        }
    }

    /// Makes every call of one kind fail for want of descriptors, to the end.
    private static func failing(_ call: String) -> [String] {
        [
            strace!, "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(call)", "-e",
            "inject=\(call):error=EMFILE",
            // A program that is traced to its end cannot be searched for leaks.
            "-E", "ASAN_OPTIONS=detect_leaks=0",
        ]
    }

    /// Makes every accept4(2) fail. The tracer runs beside heddle, which stays this process's child, and lets
    /// go when asked to.
    private static func tracing(_ number: String, into log: String) -> [String] {
        [
            strace!, "-D", "-I2", "-f", "-qq", "-o", log, "-e", "trace=accept4", "-e",
            "inject=accept4:error=\(number)",
        ]
    }

    private static func tries(failingWith number: String, in log: String) throws -> Int {
        try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
            .filter { $0.contains(number) }.count
    }

    /// User and system time so far, in hundredths of a second (proc(5)).
    private static func cpuTicks(of process: pid_t) -> Int {
        let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        // The name, in parentheses, may hold anything.
        let fields = text?.split(separator: ")").last?.split(separator: " ") ?? []
        return fields[11...12].reduce(0) { $0 + (Int($1) ?? 0) }
    }

    private static func tracer(of process: pid_t) -> pid_t {
        let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = text?.split(separator: "\n").first { $0.hasPrefix("TracerPid:") }
        return line?.split(whereSeparator: \.isWhitespace).last.flatMap { pid_t($0) } ?? 0
    }

    /// Asks the tracer to let go, and waits until it has.
    private static func endTracing(of process: pid_t) async throws {
        let tracer = tracer(of: process)
        try #require(tracer != 0, "strace does not trace heddle")
        kill(tracer, SIGINT)
        while Self.tracer(of: process) != 0 {
            // Sleeps: between looks at what the kernel tells to nobody.
            try await Task.sleep(for: .milliseconds(1))
        }
    }
}
