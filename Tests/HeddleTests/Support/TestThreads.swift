import Testing

@testable import Heddle

/// Runs `body` on `count` threads of their own, which set off together, and waits for all. For code
/// that blocks, which must not block Swift's pool.
func onThreads(_ count: Int, _ body: @escaping @Sendable (_ index: Int) -> Void) async throws {
    let ready = Signal(after: count)
    let ended = Signal(after: count)
    let threads = try (0..<count).map { index in
        try LoopThread(name: "test-thread-\(index)") {
            ready.fire()
            _ = ready.waitBlocking()
            body(index)
            ended.fire()
        }
    }
    try await waiting(for: .seconds(60), "the end of \(count) threads") { try await ended.wait() }
    for thread in threads { thread.join() }
}
