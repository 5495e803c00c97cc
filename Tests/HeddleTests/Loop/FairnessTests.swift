import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// FAULTS.md L6: whatever is posted, every iteration of the loop has its input, output and timers.
    @Suite struct FairnessTests {
        /// One that posts itself for ever, and eight threads that post.
        private struct Flood: Sendable {
            let rounds = Counter()
            private let enough = Signal()
            private let producers: Task<Void, any Error>

            init(on loop: EventLoop) {
                let (rounds, enough) = (rounds, enough)
                Self.postForEver(on: loop, until: enough, rounds)
                producers = Task {
                    try await onThreads(8) { _ in
                        while !enough.hasFired { loop.post { rounds.add() } }
                    }
                }
            }

            func end() async throws {
                enough.fire()
                try await producers.value
            }

            private static func postForEver(
                on loop: EventLoop, until enough: Signal, _ rounds: Counter
            ) {
                rounds.add()
                loop.post { if !enough.hasFired { postForEver(on: loop, until: enough, rounds) } }
            }
        }

        @Test func `a flooded loop still echoes and beats`() async throws {
            // libuv: idle_starvation.
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let (near, peer) = try await StreamKind.tcpIPv4.connect(on: loop)
                let echo = loop.task {
                    for try await bytes in near.inbound { try await near.write(bytes) }
                    try await near.close()
                }
                let beats = Counter()
                let beat = loop.task {
                    for await _ in loop.ticks(every: .milliseconds(1)) { beats.add() }
                }
                let flood = Flood(on: loop)
                for round in 0..<50 {
                    try peer.write("\(round)")
                    let echo = try peer.read(exactly: "\(round)".utf8.count)
                    #expect(echo == Array("\(round)".utf8))
                }
                let before = beats.value
                try await waiting("ten beats") {
                    while beats.value < before + 10 {
                        try await loop.clock.sleep(for: .milliseconds(1))
                    }
                }
                try await flood.end()
                #expect(flood.rounds.value > LoopCore.jobsPerDrain)
                peer.close()
                try await echo.value
                beat.cancel()
                _ = await beat.result
            }
        }

        @Test func `a flooded loop polls after every bounded drain`() async throws {
            try await withTestLoop { loop in
                var ends: [Int32] = [0, 0]
                #expect(pipe(&ends) == 0)
                // Readable in every poll, since nobody reads.
                var byte: UInt8 = 1
                #expect(write(ends[1], &byte, 1) == 1)
                let poll = try WatchedPoll(loop: loop.core.uv, descriptor: ends[0])
                let flood = Flood(on: loop)
                let enough = Signal(after: 200)
                let closed = Signal()
                var last = flood.rounds.value
                var most = 0
                poll.ready = {
                    let now = flood.rounds.value
                    most = max(most, now - last)
                    last = now
                    enough.fire()
                }
                poll.closed = { closed.fire() }
                try poll.startReading()
                try await enough.wait()
                poll.close()
                try await closed.wait()
                (poll.ready, poll.closed) = ({}, {})
                try await flood.end()
                ends.forEach { close($0) }
                // One drain before the poll, one after it. The self-poster counts before it posts.
                #expect(most <= 2 * LoopCore.jobsPerDrain + 1)
                #expect(most > 0)
            }
        }
    }
}
