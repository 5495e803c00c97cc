import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct WaitListTests {
        @Test func `waits leave in the order they came`() {
            var list = WaitList<Int>()
            for number in 0..<5 { _ = list.append(number) }
            #expect(list.count == 5)
            #expect((0..<5).map { _ in list.popFirst() } == [0, 1, 2, 3, 4])
            #expect(list.popFirst() == nil && list.isEmpty && list.storedCount == 0)
        }

        @Test func `a wait is removed from the middle, once`() {
            var list = WaitList<Int>()
            let tickets = (0..<3).map { list.append($0) }
            #expect(list.remove(tickets[1]) == 1)
            #expect(list.remove(tickets[1]) == nil)
            #expect(list[tickets[1]] == nil)
            #expect([list.popFirst(), list.popFirst()] == [0, 2])
        }

        @Test func `a wait out of line stays stored until it is removed`() {
            var list = WaitList<Int>()
            let first = list.append(1)
            _ = list.append(2)
            let outcomes = [list.leaveLine(first), list.leaveLine(first)]
            #expect(outcomes == [true, false])
            list[first] = 10
            #expect(list.count == 1 && list.storedCount == 2)
            #expect(list.popFirst() == 2)
            #expect(list.remove(first) == 10)
            #expect(list.storedCount == 0)
        }

        @Test func `an old ticket does not reach the next user of its place`() {
            var list = WaitList<Int>()
            let old = list.append(1)
            list.remove(old)
            let new = list.append(2)
            list[old] = 3
            let outcomes = (list.remove(old) == nil, list.leaveLine(old))
            #expect(list[old] == nil && outcomes == (true, false))
            #expect(list[new] == 2 && list.count == 1)
        }

        @Test func `old tickets stay old when the memory of a burst was given back`() {
            var list = WaitList<Int>()
            let tickets = (0..<(WaitList<Int>.placesKept * 2)).map { list.append($0) }
            for ticket in tickets { list.remove(ticket) }
            let new = list.append(-1)
            #expect(tickets.allSatisfy { list[$0] == nil })
            #expect(list[new] == -1)
        }

        /// Against a plain array, over random operations.
        @Test(arguments: Seed.some(5))
        func `it does what an array would do`(seed: Seed) {
            var random = seed.generator
            var list = WaitList<Int>()
            var model: [(ticket: WaitList<Int>.Ticket, value: Int)] = []
            for step in 0..<20_000 {
                switch Int.random(in: 0..<4, using: &random) {
                case 0, 1: model.append((list.append(step), step))
                case 2:
                    let expected = model.isEmpty ? nil : model.removeFirst().value
                    #expect(list.popFirst() == expected)
                default:
                    guard !model.isEmpty else { continue }
                    let index = Int.random(in: 0..<model.count, using: &random)
                    let entry = model.remove(at: index)
                    #expect(list.remove(entry.ticket) == entry.value)
                }
                #expect(list.count == model.count && list.first == model.first?.ticket)
            }
        }
    }
}
