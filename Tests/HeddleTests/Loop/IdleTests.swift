import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct IdleTests {
        /// How often a thread has given up its CPU to wait, and whether it waits now (proc(5)).
        private static func waits(ofThread thread: Int) -> (count: Int, isWaiting: Bool) {
            let status = AvailableCPUs.contents(of: "/proc/self/task/\(thread)/status") ?? ""
            let lines = status.split(separator: "\n")
            let count = lines.first { $0.hasPrefix("voluntary_ctxt_switches:") }
                .flatMap { $0.split(separator: "\t").last }.flatMap { Int($0) }
            return (count ?? -1, lines.contains { $0.hasPrefix("State:\tS") })
        }

        /// Waits until nothing changes any more; how often the thread had waited by then.
        private static func rest(ofThread thread: Int) async throws -> Int {
            var before = waits(ofThread: thread)
            while true {
                // Sleeps: between looks at what nobody announces.
                try await Task.sleep(for: .milliseconds(20), clock: .continuous)
                let now = waits(ofThread: thread)
                if now.isWaiting, now.count == before.count { return now.count }
                before = now
            }
        }

        @Test func `an idle loop does not wake once`() async throws {
            // libuv: metrics_idle_time.
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let started = Signal(after: 8)
                try await serving(on: runtime, grace: .zero) { connection in
                    started.fire()
                    _ = try await connection.read()
                } _: { server in
                    let peers = try (0..<8).map { _ in
                        try RawSocket.connected(to: server.localAddress)
                    }
                    defer { for peer in peers { peer.close() } }
                    try await started.wait()
                    let sleeper = loop.task { try await loop.clock.sleep(for: .seconds(3_600)) }
                    let thread = await loop.run { _ in ResourceCheck.currentThread }
                    let before = try await waiting("rest") {
                        try await Self.rest(ofThread: thread)
                    }
                    // Sleeps: the span over which wake-ups are counted.
                    try await Task.sleep(for: .milliseconds(500), clock: .continuous)
                    #expect(Self.waits(ofThread: thread).count == before)
                    #expect(before > 0)
                    sleeper.cancel()
                }
            }
        }
    }
}
