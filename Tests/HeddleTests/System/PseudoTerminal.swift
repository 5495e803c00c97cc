import Glibc
import Testing

@testable import Heddle

/// A pseudo-terminal of one test. Its outer side is what a person would see and type at, its inner side a program's
/// standard streams; stty(1) looks at it from outside. Both are closed when it goes.
final class PseudoTerminal: Sendable {
    let outer: Int32
    let inner: Int32
    /// The path of the inner side.
    let path: String
    private let isClosed = Locked(false)

    init() throws {
        var outer: Int32 = -1
        var inner: Int32 = -1
        try #require(openpty(&outer, &inner, nil, nil, nil) == 0)
        for descriptor in [outer, inner] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        self.outer = outer
        self.inner = inner
        path = String(cString: try #require(ttyname(inner)))
    }

    deinit {
        close()
    }

    /// Closes both sides, once: for tests in which a task may hold this for a moment longer than they last.
    func close() {
        isClosed.withLock { isClosed in
            if !isClosed { for descriptor in [outer, inner] { Glibc.close(descriptor) } }
            isClosed = true
        }
    }

    /// What stty(1) says, or does.
    @discardableResult
    func stty(_ arguments: String..., on loop: EventLoop) async throws -> String {
        let result = try await ChildProcess.run(
            .init(.name("stty"), arguments: ["-F", path] + arguments), on: loop)
        #expect(result.standardError == "")
        return String(result.standardOutput)
    }

    /// All of the mode, as text to compare.
    func mode(on loop: EventLoop) async throws -> String {
        try await stty("-g", on: loop)
    }

    /// Expects that a program has written this next; blocks until so much is there. The system may hand it over in
    /// pieces, an echo byte by byte.
    func expectShown(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
        var shown: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1024)
        while shown.count < text.utf8.count {
            let count = read(outer, &buffer, buffer.count)
            guard count > 0 else { break }
            shown += buffer.prefix(count)
        }
        #expect(String(decoding: shown, as: UTF8.self) == text, sourceLocation: sourceLocation)
    }

    /// What a person would type.
    func type(_ text: String) {
        #expect(write(outer, text, text.utf8.count) == text.utf8.count)
    }
}
