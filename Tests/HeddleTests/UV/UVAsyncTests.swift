import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct UVAsyncTests {
        @Test func `a signal from another thread wakes the loop`() async throws {
            // libuv: async.
            let result = try await Self.onOneThread {
                try withUVLoop { uv in
                    var async: UVAsync!
                    async = try UVAsync(loop: uv) { async.close() }
                    let handle = Handle(async)
                    let thread = try LoopThread(name: "signaller") { handle.signal() }
                    uv.run()
                    thread.join()
                    async = nil
                }
            }
            try result.get()
        }

        @Test func `many signals become a few calls, and at least one after the last`() async throws
        {
            let result = try await Self.onOneThread {
                try withUVLoop { uv in
                    let sent = Counter()
                    var calls = 0
                    var async: UVAsync!
                    async = try UVAsync(loop: uv) {
                        calls += 1
                        if sent.value == 4000 { async.close() }
                    }
                    let handle = Handle(async)
                    let threads = try (0..<4).map { _ in
                        try LoopThread(name: "signaller") {
                            for _ in 0..<1000 {
                                sent.add()
                                handle.signal()
                            }
                        }
                    }
                    // The handle may close only when nobody signals any more: the last call may come
                    // before the last thread has returned from its signal.
                    threads.forEach { $0.join() }
                    uv.run()
                    #expect(calls >= 1)
                    #expect(calls <= 4000)
                    async = nil
                }
            }
            try result.get()
        }

        @Test func `an async handle keeps its loop alive until it is closed`() throws {
            // libuv: async_ref, the other way round: Heddle's loops live by it.
            try withUVLoop { uv in
                let async = try UVAsync(loop: uv) {}
                #expect(uv.runWithoutBlocking())
                async.close()
                #expect(!uv.runWithoutBlocking())
            }
        }

        /// Runs code that blocks on a thread of its own.
        private static func onOneThread(
            _ body: @escaping @Sendable () throws -> Void
        ) async throws -> Result<Void, any Error> {
            let result = Recorder<Result<Void, any Error>>()
            try await onThreads(1) { _ in result.add(Result { try body() }) }
            return result.all[0]
        }

        // Sendable: `signal` is the one thing of an async handle that any thread may call.
        private final class Handle: @unchecked Sendable {
            private let async: UVAsync

            init(_ async: UVAsync) { self.async = async }

            func signal() { async.signal() }
        }
    }
}
