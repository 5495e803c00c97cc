import Foundation
import Heddle
import TestSupport
import Testing

@Suite("heddle echo --udp", .together, .timeLimit(.minutes(2)))
struct EchoCommandDatagramTests {
    /// A running `heddle echo` that takes datagrams, and where it says it does.
    private static func start(
        _ arguments: [String] = [], at host: String = "127.0.0.1", on loop: EventLoop
    ) async throws -> (command: Command, address: SocketAddress) {
        let command = try await Command(["echo", "--udp", "\(host):0"] + arguments, on: loop)
        let lines = try await command.linesUntilReady()
        try #require(lines.count == 2)
        return (command, try EchoCommandTests.address(in: lines.first, of: "udp"))
    }

    /// Sends one datagram from a socket of its own, and expects it back.
    private static func expectEcho(
        of text: Bytes, from address: SocketAddress, on loop: EventLoop
    ) async throws {
        let socket = try await UDPSocket.connect(to: address, on: loop)
        try await socket.send(text)
        #expect(try await socket.receive().bytes == text)
        await socket.close()
    }

    @Test(arguments: [[], ["--threads", "3"], ["--handler"]])
    func `it says where it listens, echoes, and tells at the end what it did`(
        _ arguments: [String]
    ) async throws {
        try await withCommandLoop { loop in
            let (command, address) = try await Self.start(arguments, on: loop)
            #expect(address.port != 0)
            for count in [0, 5, 1_400, 65_507] {
                try await Self.expectEcho(
                    of: Bytes(repeatElement(7, count: count)), from: address, on: loop)
            }
            command.send(SIGTERM)
            #expect(
                try await command.outcome()
                    == .init(
                        status: 0, output: ["stopped: 4 datagrams, 66912 bytes"], errors: []))
        }
    }

    @Test func `datagrams and connections are served side by side, and told of apart`()
        async throws
    {
        try await withCommandLoop { loop in
            let host = try #require(Loopback.hosts.last)
            let command = try await Command(
                [
                    "echo", "--udp", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--udp", "\(host):0",
                    "--threads", "2",
                ], on: loop)
            let lines = try await command.linesUntilReady()
            try #require(lines.count == 4)
            #expect(lines.last == "ready")
            let connection = try await TCPConnection.connect(
                to: EchoCommandTests.address(in: lines[0]), on: loop)
            try await connection.write("abc")
            #expect(String(try await connection.read(exactly: 3)) == "abc")
            try await connection.close()
            #expect(lines[2].hasPrefix("listening on udp \(host):"))
            for line in lines[1...2] {
                let address = try EchoCommandTests.address(in: line, of: "udp")
                try await Self.expectEcho(of: "hello", from: address, on: loop)
            }
            command.send(SIGINT)
            #expect(
                try await command.outcome().output
                    == ["stopped: 1 connections, 3 bytes", "stopped: 2 datagrams, 10 bytes"])
        }
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `a signal ends it at once where only datagrams are served`(_ signal: Int32) async throws {
        try await withCommandLoop { loop in
            // At an address of its own: other suites take ports of 127.0.0.1 as they become free.
            let (command, address) = try await Self.start(
                ["--drain-timeout", "1h", "--threads", "2"], at: "127.0.0.2", on: loop)
            try await Self.expectEcho(of: "x", from: address, on: loop)
            command.send(signal)
            #expect(try await command.outcome().output == ["stopped: 1 datagrams, 1 bytes"])
            // The address is free again.
            let socket = try await UDPSocket.bind(to: address, on: loop)
            await socket.close()
        }
    }

    @Test(
        .enabled(if: Socat.path != nil, "socat(1) is not installed"),
        arguments: Loopback.hosts)
    func `socat gets its datagrams back`(host: String) async throws {
        try await withCommandLoop { loop in
            let command = try await Command(["echo", "--udp", "\(host):0"], on: loop)
            let address = try EchoCommandTests.address(
                in: try await command.linesUntilReady().first, of: "udp")
            try await Socat.expectEcho(of: ["one", "three"], at: "UDP:\(address)", on: loop)
            command.send(SIGTERM)
            #expect(try await command.outcome().output == ["stopped: 2 datagrams, 8 bytes"])
        }
    }
}
