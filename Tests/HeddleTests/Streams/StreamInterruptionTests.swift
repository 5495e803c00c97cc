import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct StreamInterruptionTests {
        /// Interrupts a thread's system calls over and over, until ended.
        private struct Interrupter {
            private let enough = Signal()
            private let thread: LoopThread
            let count = Counter()

            init(of target: pthread_t) throws {
                let (enough, count) = (enough, count)
                thread = try LoopThread(name: "interrupter") {
                    while !enough.hasFired {
                        pthread_kill(target, SIGUSR2)
                        count.add()
                        sched_yield()
                    }
                }
            }

            func end() {
                enough.fire()
                thread.join()
            }
        }

        /// Has SIGUSR2 do nothing but break system calls off; gives what it did before.
        private static func catchSignal() -> sigaction {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { _ in }
            var before = sigaction()
            sigaction(SIGUSR2, &action, &before)
            return before
        }

        @Test(arguments: StreamKind.all)
        func `signals that interrupt the loop break nothing off`(kind: StreamKind) async throws {
            // libuv: eintr_handling.
            var before = Self.catchSignal()
            defer { sigaction(SIGUSR2, &before, nil) }
            try await kind.withPair { near, far in
                let thread = try await near.inside { _ in pthread_self() }
                let interrupter = try Interrupter(of: thread)
                defer { interrupter.end() }
                let clock = near.core.loop.eventLoop!.clock
                let total = 1 << 20
                async let wrote: Void = near.writePatternAndFinish(
                    total, largest: 30_000, seed: Seed(number: 5))
                #expect(try await far.expectPatternToEnd() == total)
                try await wrote
                for _ in 0..<5 {
                    let start = clock.now
                    try await clock.sleep(for: .milliseconds(2))
                    #expect(start.duration(to: clock.now) >= .milliseconds(2))
                }
                #expect(interrupter.count.value > 0)
            }
        }
    }
}
