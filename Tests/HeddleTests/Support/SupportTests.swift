import Testing

@testable import Heddle

extension HeddleTests {
    /// The foundation of the tests is tested too: a check that never fails would prove nothing.
    @Suite struct SupportTests {
        @Test func `a test loop runs its body on the loop's thread`() async throws {
            try await withTestLoop { loop in
                #expect(loop.isCurrent)
                #expect(EventLoop.current === loop)
            }
        }

        @Test func `a test runtime runs its body on none of its loops`() async throws {
            try await withTestRuntime(threads: 3) { runtime in
                #expect(runtime.loops.count == 3)
                #expect(!runtime.loops.contains { $0.isCurrent })
            }
        }
    }
}
