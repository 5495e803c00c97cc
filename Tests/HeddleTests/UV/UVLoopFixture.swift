import Testing

@testable import Heddle

/// Gives `body` a bare libuv loop of the calling thread, without Heddle's event loop over it. Expects
/// afterwards that it closes with 0, which it does only when every handle is closed.
func withUVLoop(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: (UVLoop) throws -> Void
) throws {
    let uv = try UVLoop()
    do {
        try body(uv)
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
    }
    #expect(uv.liveDescription == "", sourceLocation: sourceLocation)
    do {
        try uv.close()
    } catch {
        Issue.record(error, "the loop did not close", sourceLocation: sourceLocation)
        uv.openHandles().forEach { $0.close() }
        while uv.runWithoutBlocking() {}
        try uv.close()
    }
}

/// A handle that tells of its close and of its end.
final class WatchedPoll: UVPoll {
    var ready: () -> Void = {}
    var closed: () -> Void = {}

    override func becameReady() { ready() }
    override func didClose() { closed() }
}
