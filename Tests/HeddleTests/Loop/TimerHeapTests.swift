import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct TimerHeapTests {
        final class NumberedTimer: LoopTimer {
            let number: Int

            init(_ number: Int) { self.number = number }
        }

        @Test func `timers of one deadline come in the order they were set`() {
            // libuv: timer_order.
            var heap = TimerHeap()
            let timers = (0..<100).map { NumberedTimer($0) }
            for timer in timers { heap.insert(timer, deadline: 5) }
            #expect(heap.popDue(at: 4) == nil)
            for timer in timers { #expect(heap.popDue(at: 5) === timer) }
            #expect(heap.count == 0)
        }

        @Test func `removing twice and removing what was not set does nothing`() {
            var heap = TimerHeap()
            let timer = NumberedTimer(0)
            heap.remove(timer)
            heap.insert(timer, deadline: 1)
            #expect(timer.isSet)
            heap.remove(timer)
            heap.remove(timer)
            #expect(!timer.isSet)
            #expect(heap.earliest == nil)
            heap.insert(timer, deadline: 2)
            #expect(heap.earliest == 2, "a timer may be set again")
        }

        @Test func `setting a timer twice traps`() async {
            await #expect(processExitsWith: .failure) {
                var heap = TimerHeap()
                let timer = LoopTimer()
                heap.insert(timer, deadline: 1)
                heap.insert(timer, deadline: 2)
            }
        }

        @Test func `deadlines reach from the first to the last nanosecond`() {
            // libuv: timer_huge_timeout.
            var heap = TimerHeap()
            let first = NumberedTimer(0)
            let last = NumberedTimer(1)
            heap.insert(last, deadline: .max)
            heap.insert(first, deadline: 0)
            #expect(heap.popDue(at: 0) === first)
            #expect(heap.popDue(at: .max - 1) == nil)
            #expect(heap.popDue(at: .max) === last)
        }

        @Test func `popping any empties the heap and unsets each`() {
            var heap = TimerHeap()
            let timers = (0..<50).map { NumberedTimer($0) }
            for timer in timers { heap.insert(timer, deadline: UInt64(timer.number % 7)) }
            var seen: Set<Int> = []
            while let timer = heap.popAny() as? NumberedTimer { seen.insert(timer.number) }
            #expect(seen.count == 50)
            #expect(timers.allSatisfy { !$0.isSet })
        }

        @Test(arguments: Seed.some(20))
        func `any mix of operations is what a sorted list says`(seed: Seed) throws {
            var random = seed.generator
            var heap = TimerHeap()
            var model: [(deadline: UInt64, order: Int, timer: NumberedTimer)] = []
            var order = 0
            var now: UInt64 = 0
            for number in 0..<2000 {
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<5:
                    let timer = NumberedTimer(number)
                    let deadline = now + UInt64.random(in: 0..<50, using: &random)
                    heap.insert(timer, deadline: deadline)
                    model.append((deadline, order, timer))
                    order += 1
                case 5..<7:
                    guard let index = model.indices.randomElement(using: &random) else { continue }
                    heap.remove(model.remove(at: index).timer)
                default:
                    now += UInt64.random(in: 0..<20, using: &random)
                    model.sort { ($0.deadline, $0.order) < ($1.deadline, $1.order) }
                    while let due = heap.popDue(at: now) {
                        let expected = try #require(model.first)
                        try #require(due === expected.timer)
                        try #require(expected.deadline <= now)
                        model.removeFirst()
                    }
                }
                try #require(heap.count == model.count)
                try #require(heap.earliest == model.map(\.deadline).min())
                try #require(model.allSatisfy { $0.timer.isSet })
            }
        }

        /// N15 for the heap alone: a million each with `HEDDLE_TEST_SCALE=full`.
        @Test func `many timers set and cancelled leave nothing and come in order`() {
            let count = TestScale.times(60_000, full: 2_000_000)
            var random = Seed.some(1)[0].generator
            var heap = TimerHeap()
            let timers = (0..<count).map { NumberedTimer($0) }
            for timer in timers {
                heap.insert(timer, deadline: .random(in: 0..<1_000_000, using: &random))
            }
            for timer in timers where timer.number % 2 == 0 { heap.remove(timer) }
            #expect(heap.count == count / 2)
            var last: UInt64 = 0
            var popped = 0
            while let earliest = heap.earliest, let timer = heap.popDue(at: earliest) {
                if earliest < last || timer.isSet { break }
                last = earliest
                popped += 1
            }
            #expect(popped == count / 2)
            #expect(heap.count == 0)
        }
    }
}
