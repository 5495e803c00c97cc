import Foundation
import Heddle
import TestSupport
import Testing

@Suite("heddle load --unix", .together, .timeLimit(.minutes(2)))
struct LoadCommandUnixTests {
    @Test(arguments: [
        ["--connections", "3"], ["--depth", "16", "--size", "100"],
        ["--size", "300000", "--depth", "4", "--connections", "2"],
    ])
    func `it measures as over TCP`(_ options: [String]) async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let name = "@heddle-\(UUID().uuidString)"
            let server = try await runtime.listen(on: UnixAddress(name))
            let outcome = try await loadOutcome(
                ["--unix", name, "--duration", "200ms", "--json"] + options, on: runtime.loops[0]
            ) {
                try await server.serve { connection in
                    for try await bytes in connection.inbound { try await connection.write(bytes) }
                }
            } stop: {
                try await server.stop(within: .zero)
            }
            #expect(outcome.status == 0)
            #expect(outcome.errors == [])
            let line = try #require(outcome.output.first)
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: NSNumber])
            #expect(object["requests"]?.intValue ?? 0 > 0)
            #expect(object["errors"] == 0)
            #expect(object["lost"] == nil)
        }
    }

    @Test func `nobody listening is one line`() async throws {
        expectFailure(
            try await outcome("load", "--unix", "/no-such-folder/echo.sock"),
            "heddle: connect to /no-such-folder/echo.sock: no such file or directory (ENOENT)")
        let name = "@heddle-\(UUID().uuidString)"
        expectFailure(
            try await outcome("load", "--unix", name),
            "heddle: connect to \(name): connection refused (ECONNREFUSED)")
    }

    @Test func `a lost connection ends the load with a line that says which`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let name = "@heddle-\(UUID().uuidString)"
            let server = try await runtime.listen(on: UnixAddress(name))
            let outcome = try await loadOutcome(
                ["--unix", name, "--connections", "1"], on: runtime.loops[0]
            ) {
                try await server.serve { connection in _ = try await connection.read() }
            } stop: {
                try await server.stop(within: .zero)
            }
            expectFailure(
                outcome,
                "heddle: connection 1 to \(name) was lost: the server ended it after 0 bytes, "
                    + "with requests unanswered")
        }
    }
}
