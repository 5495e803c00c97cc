import Foundation
import Heddle
import TestSupport
import Testing

@Suite("heddle echo", .together, .timeLimit(.minutes(2)))
struct EchoCommandTests {
    /// The address in `listening on tcp ADDRESS`, or of another kind.
    static func address(in line: String?, of kind: String = "tcp") throws -> SocketAddress {
        let line = try #require(line)
        let prefix = "listening on \(kind) "
        try #require(line.hasPrefix(prefix))
        return try SocketAddress(String(line.dropFirst(prefix.count)))
    }

    /// A running `heddle echo` and the address it says it listens on.
    static func start(_ arguments: [String] = [], on loop: EventLoop) async throws
        -> (command: Command, address: SocketAddress)
    {
        let command = try await Command(["echo", "--tcp", "127.0.0.1:0"] + arguments, on: loop)
        let lines = try await command.linesUntilReady()
        try #require(lines.count == 2)
        return (command, try address(in: lines.first))
    }

    @Test(arguments: [
        [], ["--handler"], ["--threads", "2"], ["--balance", "round-robin", "--threads", "2"],
        ["--balance", "least-connections", "--handler"],
    ])
    func `it says where it listens, echoes, and tells at the end what it did`(_ arguments: [String])
        async throws
    {
        try await withCommandLoop { loop in
            let (command, address) = try await Self.start(arguments, on: loop)
            #expect(address.port != 0)
            for text in ["hello", "again"] {
                let connection = try await TCPConnection.connect(to: address, on: loop)
                try await connection.write(text)
                #expect(String(try await connection.read(exactly: 5)) == text)
                try await connection.close()
            }
            command.send(SIGTERM)
            let outcome = try await command.outcome()
            #expect(
                outcome
                    == .init(status: 0, output: ["stopped: 2 connections, 10 bytes"], errors: []))
        }
    }

    @Test func `every listener has a line, IPv6 in brackets, and ready is the last`() async throws {
        try await withCommandLoop { loop in
            let host = try #require(Loopback.hosts.last)
            let command = try await Command(
                ["echo", "--tcp", "127.0.0.1:0", "--tcp", "\(host):0", "--tcp", "localhost:0"],
                on: loop)
            let lines = try await command.linesUntilReady()
            #expect(lines.count == 4)
            #expect(lines.last == "ready")
            #expect(lines[0].hasPrefix("listening on tcp 127.0.0.1:"))
            #expect(lines[1].hasPrefix("listening on tcp \(host):"))
            for line in lines.dropLast() {
                let connection = try await TCPConnection.connect(
                    to: Self.address(in: line), on: loop)
                try await connection.write("x")
                #expect(String(try await connection.read(exactly: 1)) == "x")
                try await connection.close()
            }
            command.send(SIGINT)
            #expect(try await command.outcome().output == ["stopped: 3 connections, 3 bytes"])
        }
    }

    @Test(arguments: [SIGINT, SIGTERM], [[], ["--handler"]])
    func `a signal lets live connections end`(_ signal: Int32, _ arguments: [String]) async throws {
        try await withCommandLoop { loop in
            let (command, address) = try await Self.start(
                arguments + ["--drain-timeout", "1m"], on: loop)
            let connection = try await TCPConnection.connect(to: address, on: loop)
            try await connection.write("before")
            _ = try await connection.read(exactly: 6)
            command.send(signal)
            try await Self.waitUntilRefused(address, on: loop)
            try await connection.write("after")
            #expect(String(try await connection.read(exactly: 5)) == "after")
            try await connection.close()
            let outcome = try await command.outcome()
            Self.expectStopped(outcome, bytes: 11)
        }
    }

    @Test(arguments: [[], ["--handler"]])
    func `with one loop the program has one thread, also while it serves`(
        _ arguments: [String]
    ) async throws {
        try await withCommandLoop { loop in
            let (command, address) = try await Self.start(arguments + ["--threads", "1"], on: loop)
            let connection = try await TCPConnection.connect(to: address, on: loop)
            try await connection.write("x")
            _ = try await connection.read(exactly: 1)
            let threads = try FileManager.default.contentsOfDirectory(
                atPath: "/proc/\(command.processID)/task")
            // A sanitizer brings a thread of its own.
            #expect(threads.count == 1 || Self.isSanitized)
            try await connection.close()
            command.send(SIGTERM)
            #expect(try await command.outcome().status == 0)
        }
    }

    private static var isSanitized: Bool {
        dlsym(nil, "__tsan_init") != nil || dlsym(nil, "__asan_init") != nil
    }

    @Test(arguments: [[], ["--handler"]])
    func `a second signal ends the drain at once`(_ arguments: [String]) async throws {
        try await withCommandLoop { loop in
            let (command, address) = try await Self.start(
                arguments + ["--drain-timeout", "1h"], on: loop)
            let connection = try await TCPConnection.connect(to: address, on: loop)
            try await connection.write("x")
            _ = try await connection.read(exactly: 1)
            command.send(SIGTERM)
            try await Self.waitUntilRefused(address, on: loop)
            command.send(SIGTERM)
            let outcome = try await command.outcome()
            Self.expectStopped(outcome, bytes: 1)
            #expect((try? await connection.read()) == .some(nil))
        }
    }

    @Test(arguments: ["0s", "50ms"], [[], ["--handler"]])
    func `a drain ends when its time is up, even with a peer that reads nothing`(
        _ patience: String, _ arguments: [String]
    ) async throws {
        try await withCommandLoop { loop in
            let (command, address) = try await Self.start(
                arguments + ["--drain-timeout", patience], on: loop)
            let connection = try await TCPConnection.connect(to: address, on: loop)
            // More than all buffers on the way back hold, so that the echo is stuck.
            let block = [UInt8](repeating: 7, count: 1 << 20)
            let writer = loop.task { for _ in 0..<64 { try await connection.write(block) } }
            _ = try await connection.read()
            command.send(SIGTERM)
            let outcome = try await command.outcome()
            #expect(outcome.status == 0)
            #expect(outcome.output.first?.hasPrefix("stopped: 1 connections, ") == true)
            writer.cancel()
            connection.reset()
        }
    }

    /// An orderly end of a run that `waitUntilRefused` was used on, whose attempts may count too.
    static func expectStopped(
        _ outcome: Command.Outcome, bytes: Int, _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.status == 0, sourceLocation: location)
        #expect(outcome.errors == [], sourceLocation: location)
        #expect(outcome.output.count == 1, sourceLocation: location)
        let line = outcome.output.first ?? ""
        #expect(line.hasPrefix("stopped: "), sourceLocation: location)
        #expect(line.hasSuffix(" connections, \(bytes) bytes"), sourceLocation: location)
    }

    /// The listener closes a moment after the signal was sent; connecting says when.
    static func waitUntilRefused(_ address: SocketAddress, on loop: EventLoop) async throws {
        while true {
            do {
                let connection = try await TCPConnection.connect(to: address, on: loop)
                // In the backlog of a listener that is closing it is reset, or served and counted.
                connection.reset()
            } catch let error as IOError where error.code == .connectionRefused {
                return
            } catch let error as IOError where error.code == .broken {
                // The same, seen by the attempt itself.
            }
        }
    }
}
