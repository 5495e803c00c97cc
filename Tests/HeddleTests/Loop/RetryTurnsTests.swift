import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct RetryTurnsTests {
        private final class Someone: Sendable {
            let woken = Counter()

            func wait(_ turns: RetryTurns) -> UInt64 {
                turns.wait(ObjectIdentifier(self)) { [woken] in woken.add() }
            }

            func leave(_ turns: RetryTurns) { turns.leave(ObjectIdentifier(self)) }
        }

        private let turns = RetryTurns()

        @Test func `one alone tries ten times a second`() {
            let one = Someone()
            for _ in 0..<3 {
                #expect(one.wait(turns) == 100_000_000)
                one.leave(turns)
            }
            #expect(turns.count == 0)
        }

        /// FAULTS.md N1, with a clock of numbers: ten seconds in which every try fails.
        @Test(arguments: [1, 2, 4, 64])
        func `however many fail, they try at most twenty times a second`(count: Int) {
            let all = (0..<count).map { _ in Someone() }
            var due = all.map { $0.wait(turns) }
            var tries = count
            while let now = due.min(), now < 10_000_000_000 {
                let index = due.firstIndex(of: now)!
                all[index].leave(turns)
                tries += 1
                due[index] = now + all[index].wait(turns)
            }
            #expect(tries <= 200)
            // And one of them soon sees that there is enough again.
            #expect(tries >= 60)
        }

        @Test func `luck is passed on to one after the other, the longest waiting first`() {
            let all = (0..<3).map { _ in Someone() }
            for one in all { _ = one.wait(turns) }
            turns.passOn()
            #expect(all.map(\.woken.value) == [1, 0, 0])
            all[1].leave(turns)
            turns.passOn()
            #expect(all.map(\.woken.value) == [1, 0, 1])
            turns.passOn()
            #expect(all.map(\.woken.value) == [1, 0, 1])
            #expect(turns.count == 0)
        }

        @Test func `what waits is let go when it leaves or is woken`() {
            weak var found: Someone?
            do {
                let one = Someone()
                found = one
                for leaves in [true, false] {
                    _ = turns.wait(ObjectIdentifier(one)) { _ = one }
                    if leaves { one.leave(turns) } else { turns.passOn() }
                }
            }
            #expect(found == nil)
        }
    }
}
