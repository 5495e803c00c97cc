import Foundation
import Heddle
import SystemPackage
import TestSupport
import Testing

@Suite("heddle echo --unix", .together, .timeLimit(.minutes(2)))
struct EchoCommandUnixTests {
    /// Gives `body` a loop, and a path in a folder of its own at which there is nothing.
    static func withPath(
        _ body: @escaping @Sendable (EventLoop, String) async throws -> Void
    ) async throws {
        try await withCommandLoop { loop in
            try await loop.files.withTemporaryDirectory { folder in
                try await body(loop, folder.appending("echo.sock").string)
            }
        }
    }

    /// A running `heddle echo`, which has said that it listens at `address`.
    private static func start(
        at address: String, _ arguments: [String] = [], on loop: EventLoop
    ) async throws -> Command {
        let command = try await Command(["echo", "--unix", address] + arguments, on: loop)
        #expect(try await command.linesUntilReady() == ["listening on unix \(address)", "ready"])
        return command
    }

    private static func expectEcho(at address: String, on loop: EventLoop) async throws {
        let connection = try await UnixConnection.connect(to: UnixAddress(address), on: loop)
        try await connection.write("hello")
        #expect(try await connection.read(exactly: 5) == "hello")
        try await connection.close()
    }

    @Test(arguments: [
        [], ["--handler"], ["--threads", "2"], ["--threads", "2", "--balance", "round-robin"],
    ])
    func `it says where it listens, echoes, and leaves no path`(_ arguments: [String]) async throws
    {
        try await Self.withPath { loop, path in
            let command = try await Self.start(at: path, arguments, on: loop)
            for _ in 0..<2 { try await Self.expectEcho(at: path, on: loop) }
            command.send(SIGTERM)
            #expect(
                try await command.outcome()
                    == .init(status: 0, output: ["stopped: 2 connections, 10 bytes"], errors: []))
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func `an abstract name begins with @`() async throws {
        try await withCommandLoop { loop in
            let name = "@heddle-\(UUID().uuidString)"
            let command = try await Self.start(at: name, on: loop)
            try await Self.expectEcho(at: name, on: loop)
            command.send(SIGINT)
            #expect(try await command.outcome().output == ["stopped: 1 connections, 5 bytes"])
        }
    }

    @Test func `it listens on everything at once, and counts all connections together`()
        async throws
    {
        try await Self.withPath { loop, path in
            let command = try await Command(
                ["echo", "--unix", path, "--tcp", "127.0.0.1:0", "--udp", "127.0.0.1:0"], on: loop)
            let lines = try await command.linesUntilReady()
            try #require(lines.count == 4)
            #expect(lines[2...] == ["listening on unix \(path)", "ready"])
            try await Self.expectEcho(at: path, on: loop)
            let connection = try await TCPConnection.connect(
                to: EchoCommandTests.address(in: lines[0]), on: loop)
            try await connection.write("x")
            #expect(try await connection.read(exactly: 1) == "x")
            try await connection.close()
            command.send(SIGTERM)
            #expect(
                try await command.outcome().output
                    == ["stopped: 2 connections, 6 bytes", "stopped: 0 datagrams, 0 bytes"])
        }
    }

    @Test(
        .enabled(if: Socat.path != nil, "socat(1) is not installed"), arguments: [false, true])
    func `socat gets its bytes back`(isAbstract: Bool) async throws {
        try await Self.withPath { loop, path in
            let address = isAbstract ? "@heddle-\(UUID().uuidString)" : path
            let command = try await Self.start(at: address, on: loop)
            try await Socat.expectEcho(
                of: ["one", "three"],
                at: isAbstract
                    ? "ABSTRACT-CONNECT:\(address.dropFirst())" : "UNIX-CONNECT:\(path)", on: loop)
            command.send(SIGTERM)
            #expect(try await command.outcome().output == ["stopped: 1 connections, 8 bytes"])
        }
    }

    // MARK: What is wrong

    @Test func `a path in use is named, and left to who has it`() async throws {
        try await Self.withPath { loop, path in
            let command = try await Self.start(at: path, on: loop)
            let second = try await Command(["echo", "--unix", path], on: loop).outcome()
            #expect(second.status == 1 && second.output == [] && second.errors.count == 1)
            #expect(second.errors.first?.hasPrefix("heddle: listen on \(path): ") == true)
            try await Self.expectEcho(at: path, on: loop)
            command.send(SIGTERM)
            #expect(try await command.outcome().status == 0)
        }
    }

    @Test func `what a killed server left is replaced`() async throws {
        try await Self.withPath { loop, path in
            let killed = try await Self.start(at: path, on: loop)
            killed.send(SIGKILL)
            #expect(try await killed.outcome().status == -SIGKILL)
            #expect(FileManager.default.fileExists(atPath: path))
            let command = try await Self.start(at: path, on: loop)
            try await Self.expectEcho(at: path, on: loop)
            command.send(SIGTERM)
            #expect(try await command.outcome().status == 0)
        }
    }

    @Test func `a file that is no socket is named and left alone`() async throws {
        try await Self.withPath { loop, path in
            try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
            let outcome = try await Command(["echo", "--unix", path], on: loop).outcome()
            #expect(outcome.status == 1 && outcome.output == [] && outcome.errors.count == 1)
            #expect(outcome.errors.first?.hasPrefix("heddle: listen on \(path): ") == true)
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("precious".utf8))
        }
    }

    @Test func `a folder that is not there is named`() async throws {
        expectFailure(
            try await outcome("echo", "--unix", "/no-such-folder/echo.sock"),
            "heddle: listen on /no-such-folder/echo.sock: no such file or directory (ENOENT)")
    }

    @Test(arguments: [
        ("", "it is empty"), ("@", "it is empty"),
        (
            "/tmp/" + String(repeating: "x", count: 120),
            "125 bytes, of which a Unix socket's address takes 107"
        ),
    ])
    func `a path that cannot be is named with the reason`(_ path: String, _ reason: String)
        async throws
    {
        for command in ["echo", "load"] {
            expectFailure(
                try await outcome(command, "--unix", path), "heddle: --unix \(path): \(reason)")
        }
    }
}
