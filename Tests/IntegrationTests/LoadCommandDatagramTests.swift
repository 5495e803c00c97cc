import Foundation
import Heddle
import TestSupport
import Testing

@Suite("heddle load --udp", .together, .timeLimit(.minutes(2)))
struct LoadCommandDatagramTests {
    /// Runs a load against a socket of this process.
    private static func load(
        _ options: [String], against handler: @escaping UDPServer.Handler = echo
    ) async throws -> (outcome: Command.Outcome, address: SocketAddress) {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let server = try await runtime.bindUDP(to: .loopback(port: 0))
            let outcome = try await loadOutcome(
                ["--udp", "\(server.localAddress)"] + options, on: runtime.loops[0]
            ) {
                try await server.serve(handler)
            } stop: {
                try await server.stop(within: .zero)
            }
            return (outcome, server.localAddress)
        }
    }

    private static let echo: UDPServer.Handler = { socket in
        for try await batch in socket.batches { _ = try await socket.send(batch) }
    }

    /// Sends back what `change` makes of each datagram, of which there were so many before.
    private static func answering(
        _ change: @escaping @Sendable (inout [UInt8], Int) -> Int = { _, _ in 1 }
    ) -> UDPServer.Handler {
        { socket in
            var count = 0
            for try await datagram in socket.datagrams {
                var bytes = Array(datagram.bytes)
                let copies = change(&bytes, count)
                let answer = Datagram(Bytes(bytes), to: datagram.remoteAddress)
                _ = try await socket.send(Array(repeating: answer, count: copies))
                count += 1
            }
        }
    }

    private static func object(_ outcome: Command.Outcome) throws -> [String: NSNumber] {
        #expect(outcome.status == 0)
        #expect(outcome.errors == [])
        #expect(outcome.output.count == 1)
        let line = try #require(outcome.output.first)
        return try #require(
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: NSNumber])
    }

    @Test(arguments: [
        ["--connections", "3"], ["--depth", "4", "--size", "100", "--connections", "2"],
        ["--size", "65507", "--connections", "1"],
        ["--size", "1", "--threads", "2", "--connections", "2"],
        ["--size", "9", "--depth", "3", "--connections", "2"],
    ])
    func `the result as JSON has the keys of TCP and those lost`(_ options: [String]) async throws {
        let (outcome, _) = try await Self.load(
            options + ["--duration", "200ms", "--timeout", "20s", "--json"]
        )
        let object = try Self.object(outcome)
        #expect(
            object.keys.sorted() == [
                "bytes", "connections", "depth", "duration_seconds", "errors", "latency_max_us",
                "latency_p50_us", "latency_p90_us", "latency_p99_9_us", "latency_p99_us", "lost",
                "megabytes_per_second", "requests", "requests_per_second", "size",
            ])
        #expect(object["errors"] == 0)
        #expect(object["lost"] == 0)
        let requests = try #require(object["requests"]).intValue
        #expect(requests > 0)
        #expect(object["bytes"]?.intValue == requests * (object["size"]?.intValue ?? 0))
        #expect(object["duration_seconds"]?.doubleValue ?? 0 >= 0.2)
    }

    @Test(arguments: ["3", "64", "65507"])
    func `datagrams that are lost are counted, and others sent in their place`(_ size: String)
        async throws
    {
        let (outcome, _) = try await Self.load(
            [
                "--duration", "300ms", "--timeout", "500ms", "--json", "--size", size, "--depth",
                "2", "--connections", "2",
            ]
        ) { socket in
            var count = 0
            for try await datagram in socket.datagrams {
                if count % 4 != 1 { try await socket.send(datagram) }
                count += 1
            }
        }
        let object = try Self.object(outcome)
        #expect(object["lost"]?.intValue ?? 0 > 0)
        #expect(object["requests"]?.intValue ?? 0 > 0)
    }

    @Test func `replies that change their order are all right`() async throws {
        let (outcome, _) = try await Self.load(
            [
                "--duration", "200ms", "--timeout", "20s", "--json", "--depth", "8",
                "--connections", "2",
            ]
        ) { socket in
            for try await batch in socket.batches { _ = try await socket.send(batch.reversed()) }
        }
        let object = try Self.object(outcome)
        #expect(object["lost"] == 0)
        #expect(object["requests"]?.intValue ?? 0 > 0)
    }

    @Test func `the result for people has a line for those lost`() async throws {
        let (outcome, _) = try await Self.load(["--duration", "100ms"])
        #expect(outcome.status == 0)
        #expect(outcome.output.count == 9)
        #expect(outcome.output[0].contains(" over 50 sockets, 64 bytes each, 1 in flight"))
        #expect(outcome.output[1].hasSuffix("  not answered in 1.000 s"))
    }

    // MARK: What is wrong

    /// Nothing is taken for lost, which would change what comes next.
    private static let patiently = ["--timeout", "20s"]

    private static func expectFailure(
        _ options: [String], _ line: String,
        from change: @escaping @Sendable (inout [UInt8], Int) -> Int
    ) async throws {
        let (outcome, address) = try await load(
            ["--connections", "1"] + options, against: answering(change))
        #expect(outcome.status == 1)
        #expect(outcome.output == [])
        #expect(outcome.errors.count == 1)
        let error = outcome.errors.first ?? ""
        #expect(error.hasPrefix("heddle: \(address) \(line)"), "\(error)")
    }

    @Test func `nobody listening is one line`() async throws {
        // A port that was free a moment ago may be that of a server of another suite by now.
        IntegrationTests.expectFailure(
            try await outcome("load", "--udp", "127.0.0.1:1"),
            "heddle: send to 127.0.0.1:1: connection refused (ECONNREFUSED)")
    }

    @Test func `a server that answers nothing is one line, when the time for it is up`()
        async throws
    {
        try await Self.expectFailure(
            ["--duration", "50ms", "--timeout", "50ms"], "answered none of "
        ) { _, _ in 0 }
    }

    @Test func `a wrong byte is found and named`() async throws {
        try await Self.expectFailure(
            Self.patiently, "sent a wrong byte: connection 1, offset 1300, expected "
        ) {
            bytes, count in
            if count == 20 { bytes[20] ^= 1 }
            return 1
        }
    }

    @Test func `an answer to a datagram that was not sent is found`() async throws {
        try await Self.expectFailure(
            Self.patiently, "sent a datagram that it did not get, on connection 1"
        ) {
            bytes, _ in
            bytes[5] ^= 1
            return 1
        }
    }

    @Test func `an answer too many is found`() async throws {
        try await Self.expectFailure(
            Self.patiently, "sent more datagrams than it got, on connection 1"
        ) {
            _, count in count == 3 ? 2 : 1
        }
    }

    @Test func `a datagram cut short is found`() async throws {
        try await Self.expectFailure(Self.patiently, "sent 63 bytes for 64, on connection 1") {
            bytes, _ in
            bytes.removeLast()
            return 1
        }
    }

    @Test func `a datagram with a byte more is found`() async throws {
        try await Self.expectFailure(
            Self.patiently, "sent 64 bytes or more for 64, on connection 1"
        ) {
            bytes, _ in
            bytes.append(0)
            return 1
        }
    }

    @Test(arguments: [
        (["--size", "65528"], "--size 65528: not between 1 and 65527"),
        (["--size", "65508"], "send to 127.0.0.1:1: message too long (EMSGSIZE)"),
        (
            ["--size", "1", "--depth", "257"],
            "--depth 257: more than the 256 datagrams that --size 1 can tell apart"
        ),
        (["--timeout", "0s"], "--timeout 0s: not more than zero"),
        (["--tcp", "127.0.0.1:1"], "load: more than one server is given"),
    ])
    func `bad input is named`(_ options: [String], _ message: String) async throws {
        IntegrationTests.expectFailure(
            try await outcome(["load", "--udp", "127.0.0.1:1"] + options), "heddle: \(message)")
    }
}
