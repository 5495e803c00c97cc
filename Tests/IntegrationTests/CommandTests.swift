import Heddle
import TestSupport
import Testing

/// Runs `body` with a runtime that reads what commands print.
func withCommandLoop(_ body: @escaping @Sendable (EventLoop) async throws -> Void) async throws {
    try await Runtime.run(.init(threads: 1)) { runtime in
        let loop = runtime.loops[0]
        try await withTimeout(Command.patience, "command") { try await body(loop) }
    }
}

/// Runs the command to its end.
func outcome(_ arguments: String...) async throws -> Command.Outcome {
    try await outcome(arguments)
}

func outcome(_ arguments: [String]) async throws -> Command.Outcome {
    try await Runtime.run(.init(threads: 1)) { runtime in
        let loop = runtime.loops[0]
        return try await withTimeout(Command.patience, "heddle \(arguments)") {
            try await Command(arguments, on: loop).outcome()
        }
    }
}

/// Runs `heddle load` beside a server of this process, and stops that.
func loadOutcome(
    _ arguments: [String], on loop: EventLoop,
    beside serve: @escaping @Sendable () async throws -> Void,
    stop: () async throws -> Void
) async throws -> Command.Outcome {
    async let service: Void = serve()
    let outcome = try await withTimeout(Command.patience, "load") {
        try await Command(["load"] + arguments, on: loop).outcome()
    }
    try await stop()
    try await service
    return outcome
}

/// What every failure looks like: one line, status 1, nothing on standard output.
func expectFailure(
    _ outcome: Command.Outcome, _ line: String, _ location: SourceLocation = #_sourceLocation
) {
    #expect(outcome == .init(status: 1, output: [], errors: [line]), sourceLocation: location)
}

@Suite("The command line", .together, .timeLimit(.minutes(2)))
struct CommandTests {
    @Test func `the version is one line`() async throws {
        let outcome = try await outcome("--version")
        #expect(outcome.status == 0)
        #expect(outcome.output.count == 1)
        #expect(outcome.output.first?.hasPrefix("heddle ") == true)
    }

    @Test func `help names every subcommand`() async throws {
        let outcome = try await outcome("--help")
        #expect(outcome.status == 0)
        let text = outcome.output.joined(separator: "\n")
        for name in ["echo", "load", "demo"] { #expect(text.contains("  \(name) ")) }
    }

    @Test func `help of load documents the keys of its result`() async throws {
        let text = try await outcome("load", "--help").output.joined(separator: " ")
        for key in [
            "requests_per_second", "latency_p99_9_us", "errors", "lost", "megabytes_per_second",
        ] {
            #expect(text.contains(key))
        }
    }

    @Test func `an unknown subcommand is one line`() async throws {
        expectFailure(try await outcome("frob"), "heddle: Unexpected argument 'frob'")
    }

    @Test func `the demo runs, shows the teardown and leaves out control codes`() async throws {
        let outcome = try await outcome("demo")
        #expect(outcome.status == 0)
        #expect(outcome.errors == [])
        #expect(!outcome.output.contains { $0.contains("\u{1B}") })
        let order = [
            "listeners closed", "server connections drained",
            "loops' timers and signal watchers closed",
            "loops' inboxes shut", "loops closed, with no handle left", "threads ended",
        ]
        let steps = outcome.output.compactMap { line in order.first { line.hasSuffix($0) } }
        #expect(steps == order)
        #expect(outcome.output.contains { $0.hasSuffix(" requests/s") })
    }
}
