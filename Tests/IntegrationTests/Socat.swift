import Foundation
import Heddle
import Testing

/// socat(1), as a client that others have written.
enum Socat {
    static let path = ["/usr/bin/socat", "/usr/local/bin/socat", "/bin/socat"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Sends each text to an address as socat writes it, and expects it back before the next.
    static func expectEcho(
        of texts: [String], at address: String, on loop: EventLoop,
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        var socat = ChildProcess.Configuration(
            .path(try #require(path)), arguments: ["-t0", "-", address])
        socat.standardInput = .stream
        socat.standardOutput = .stream
        let outcome = try await ChildProcess.run(socat, on: loop) { child in
            for text in texts {
                try await child.standardInput?.write(text)
                let answer = try await child.standardOutput?.read(exactly: text.utf8.count)
                #expect(answer.map { String($0) } == text, sourceLocation: location)
            }
        }
        #expect(outcome.terminationStatus == .exited(0), sourceLocation: location)
    }
}
