import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct TicksTests {
        @Test func `beats come at multiples of the interval, without drift`() async throws {
            // libuv: timer_again, timer_again_repeat.
            try await withTestLoop { loop in
                let start = loop.clock.now
                var beats: [LoopClock.Instant] = []
                for await beat in loop.ticks(every: .milliseconds(2)) {
                    #expect(loop.clock.now >= beat)
                    beats.append(beat)
                    if beats.count == 20 { break }
                }
                #expect(beats[0] >= start.advanced(by: .milliseconds(2)))
                for (beat, next) in zip(beats, beats.dropFirst()) {
                    let distance = beat.duration(to: next) / .milliseconds(2)
                    #expect(distance >= 1)
                    #expect(distance == distance.rounded(), "a beat off the grid")
                }
                #expect(loop.core.timers.count == 0)
            }
        }

        @Test func `a consumer that is late gets one beat for all it missed`() async throws {
            try await withTestLoop { loop in
                var beats = loop.ticks(every: .milliseconds(2)).makeAsyncIterator()
                // A beat that came in time: the next is one interval later, not skipped.
                var first = try #require(await beats.next())
                while loop.clock.now >= first.advanced(by: .milliseconds(2)) {
                    first = try #require(await beats.next())
                }
                let until = loop.clock.now.advanced(by: .milliseconds(9))
                while loop.clock.now < until {}
                let second = try #require(await beats.next())
                #expect(first.duration(to: second) == .milliseconds(2), "the oldest it missed")
                let third = try #require(await beats.next())
                let steps = first.duration(to: third) / .milliseconds(2)
                #expect(steps >= 5, "the others are skipped")
                #expect(steps == steps.rounded(), "and the next is on the grid")
            }
        }

        @Test func `the beat ends when the task is cancelled`() async throws {
            try await withTestLoop { loop in
                let running = Signal()
                let task = loop.task {
                    var count = 0
                    for await _ in loop.ticks(every: .milliseconds(1)) {
                        count += 1
                        if count == 3 { running.fire() }
                    }
                    return count
                }
                try await running.wait()
                task.cancel()
                #expect(try await task.value >= 3)
                #expect(loop.core.timers.count == 0)
            }
        }

        @Test func `the beat ends when the loop stops`() async throws {
            let task = Recorder<Task<Void, any Error>>()
            try await withTestLoop { loop in
                let running = Signal()
                task.add(
                    loop.task {
                        for await _ in loop.ticks(every: .milliseconds(1)) { running.fire() }
                    })
                try await running.wait()
            }
            try await waiting { try await task.all[0].value }
        }

        @Test func `an interval under a millisecond traps`() async {
            await #expect(processExitsWith: .failure) {
                let worker = Worker(name: "trap")
                try worker.start()
                _ = try worker.loop.ticks(every: .microseconds(999))
            }
        }
    }
}
