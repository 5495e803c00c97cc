import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct ReadyQueueTests {
        /// Work that writes its number down.
        private static func item(_ number: Int, _ list: Recorder<Int>) -> ReadyItem {
            ReadyItem(work: { list.add(number) })
        }

        private static func run(_ item: ReadyItem?) -> Bool {
            guard let item else { return false }
            item.runWork()
            return true
        }

        @Test func `items come out in the order they went in`() {
            let list = Recorder<Int>()
            var queue = ReadyQueue(capacity: 4)
            var isEmpty = queue.isEmpty
            #expect(isEmpty)
            for number in 0..<1000 { queue.append(Self.item(number, list)) }
            let count = queue.count
            #expect(count == 1000)
            while Self.run(queue.popFirst()) {}
            #expect(list.all == Array(0..<1000))
            isEmpty = queue.isEmpty
            #expect(isEmpty)
            let more = Self.run(queue.popFirst())
            #expect(!more)
        }

        @Test(arguments: Seed.some(10))
        func `the ring keeps the order wherever it wraps and grows`(seed: Seed) {
            var random = seed.generator
            let list = Recorder<Int>()
            var queue = ReadyQueue(capacity: 2)
            var added = 0
            var taken = 0
            for _ in 0..<500 {
                for _ in 0..<Int.random(in: 0...9, using: &random) {
                    queue.append(Self.item(added, list))
                    added += 1
                }
                for _ in 0..<Int.random(in: 0...9, using: &random) where Self.run(queue.popFirst())
                {
                    taken += 1
                }
                let count = queue.count
                #expect(count == added - taken)
            }
            while Self.run(queue.popFirst()) { taken += 1 }
            #expect(taken == added)
            #expect(list.all == Array(0..<added))
        }

        @Test func `a capacity that is no power of two traps`() async {
            await #expect(processExitsWith: .failure) { _ = ReadyQueue(capacity: 3) }
        }
    }
}
