import Foundation
import Heddle
import TestSupport
import Testing

@Suite("heddle load", .together, .timeLimit(.minutes(2)))
struct LoadCommandTests {
    /// Runs a load against a server of this process.
    static func load(
        _ options: [String], against handler: @escaping TCPServer.Handler
    ) async throws -> (outcome: Command.Outcome, address: SocketAddress) {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let server = try await runtime.listen(on: .loopback(port: 0))
            let outcome = try await loadOutcome(
                ["--tcp", "\(server.localAddress)"] + options, on: runtime.loops[0]
            ) {
                try await server.serve(handler)
            } stop: {
                try await server.stop(within: .zero)
            }
            return (outcome, server.localAddress)
        }
    }

    static let echo: TCPServer.Handler = { connection in
        for try await bytes in connection.inbound { try await connection.write(bytes) }
    }

    @Test(arguments: [
        ["--connections", "3"], ["--depth", "16", "--size", "100"],
        ["--size", "300000", "--depth", "4", "--connections", "2"],
        ["--size", "1", "--threads", "2"],
    ])
    func `the result as JSON has stable keys, in order, and no errors`(_ options: [String])
        async throws
    {
        let (outcome, _) = try await Self.load(
            options + ["--duration", "200ms", "--json"], against: Self.echo)
        #expect(outcome.status == 0)
        #expect(outcome.errors == [])
        let line = try #require(outcome.output.first)
        #expect(outcome.output.count == 1)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: NSNumber])
        let keys = [
            "bytes", "connections", "depth", "duration_seconds", "errors", "latency_max_us",
            "latency_p50_us", "latency_p90_us", "latency_p99_9_us", "latency_p99_us",
            "megabytes_per_second", "requests", "requests_per_second", "size",
        ]
        #expect(object.keys.sorted() == keys)
        let places = keys.map { line.range(of: "\"\($0)\":")?.lowerBound }
        #expect(places.compactMap(\.self) == places.compactMap(\.self).sorted())
        #expect(object["errors"] == 0)
        let requests = try #require(object["requests"]).intValue
        #expect(requests > 0)
        #expect(object["bytes"]?.intValue == requests * (object["size"]?.intValue ?? 0))
        #expect(object["duration_seconds"]?.doubleValue ?? 0 >= 0.2)
    }

    @Test func `the result for people is a table without control codes`() async throws {
        let (outcome, _) = try await Self.load(["--duration", "100ms"], against: Self.echo)
        #expect(outcome.status == 0)
        #expect(outcome.errors == [])
        #expect(outcome.output.count == 8)
        #expect(!outcome.output.contains { $0.contains("\u{1B}") })
        for (line, name) in zip(outcome.output.suffix(5), ["p50", "p90", "p99", "p99.9", "max"]) {
            #expect(line.hasSuffix("  \(name)"))
        }
    }

    @Test func `nobody listening is one line`() async throws {
        // A port that was free a moment ago may be that of a server of another suite by now.
        expectFailure(
            try await outcome("load", "--tcp", "127.0.0.1:1"),
            "heddle: connect to 127.0.0.1:1: connection refused (ECONNREFUSED)")
    }

    @Test func `a wrong byte is found and named`() async throws {
        let (outcome, address) = try await Self.load(["--connections", "1", "--size", "64"]) {
            connection in
            var offset = 0
            for try await bytes in connection.inbound {
                var copy = Array(bytes)
                for index in copy.indices where offset + index == 1000 { copy[index] ^= 1 }
                offset += copy.count
                try await connection.write(copy)
            }
        }
        #expect(outcome.status == 1)
        #expect(outcome.output == [])
        #expect(outcome.errors.count == 1)
        let expected = "heddle: \(address) sent a wrong byte: connection 1, offset 1000, expected "
        #expect(outcome.errors.first?.hasPrefix(expected) == true)
    }

    @Test func `a byte too many is found`() async throws {
        let (outcome, _) = try await Self.load(["--connections", "1"]) { connection in
            for try await bytes in connection.inbound {
                try await connection.write(contentsOf: [bytes, bytes])
            }
        }
        #expect(outcome.status == 1)
        #expect(outcome.errors.count == 1)
    }

    @Test func `the replies of another connection are wrong`() async throws {
        let first = Bytes((0..<64).map(UInt8.init))
        let (outcome, _) = try await Self.load(["--connections", "2"]) { connection in
            for try await _ in connection.inbound { try await connection.write(first) }
        }
        #expect(outcome.status == 1)
        #expect(outcome.errors.first?.contains("sent a wrong byte: connection") == true)
    }

    @Test func `a lost connection ends the load with a line that says which`() async throws {
        let (outcome, address) = try await Self.load(["--connections", "1"]) { connection in
            _ = try await connection.read()
        }
        expectFailure(
            outcome,
            "heddle: connection 1 to \(address) was lost: the server ended it after 0 bytes, "
                + "with requests unanswered")
    }

    @Test(arguments: [
        (["--connections", "0"], "--connections 0: not between 1 and 1000000"),
        (["--size", "0"], "--size 0: not between 1 and 67108864"),
        (["--depth", "0"], "--depth 0: not between 1 and 1000000"),
        (["--depth", "-3"], "--depth -3: not between 1 and 1000000"),
        (["--duration", "0s"], "--duration 0s: not more than zero"),
        (["--duration", "-1s"], "--duration -1s: a duration cannot be negative"),
        (["--threads", "0"], "--threads 0: not between 1 and 1024"),
        (
            ["--size", "67108864", "--depth", "17"],
            "--size 67108864 times --depth 17: more than 1 GiB in flight per connection"
        ),
        (["--connections", "x"], "The value 'x' is invalid for '--connections <n>'"),
    ])
    func `bad input is named`(_ options: [String], _ message: String) async throws {
        expectFailure(
            try await outcome(["load", "--tcp", "127.0.0.1:1"] + options), "heddle: \(message)")
    }

    @Test func `without a server it says what is missing`() async throws {
        expectFailure(
            try await outcome("load"),
            "heddle: load: the server is missing, for example --tcp 127.0.0.1:7000")
    }
}
