import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct ByteQueueTests {
        @Test func `slices come out as they went in`() {
            var queue = ByteQueue()
            #expect(queue.isEmpty)
            #expect(queue.sliceCount == 0)
            queue.append("ab")
            queue.append("cd")
            queue.append("ef")
            #expect(queue.byteCount == 6)
            #expect(queue.sliceCount == 3)
            #expect((0..<3).map { queue[$0] } == ["ab", "cd", "ef"])
            #expect(queue.removeFirst() == "ab")
            #expect(queue.removeFirst(upTo: 1) == "c")
            #expect(queue.removeFirst(upTo: 5) == "d")
            #expect(queue.removeFirst() == "ef")
            #expect(queue.isEmpty)
            #expect(queue.sliceCount == 0)
        }

        @Test func `neighbours in memory become one slice`() {
            let whole: Bytes = "abcdefgh"
            var queue = ByteQueue()
            queue.append(whole[0..<2])
            queue.append(whole[2..<4])
            #expect(queue.sliceCount == 1)
            queue.append("--")
            queue.append(whole[4..<6])
            queue.append(whole[6..<8])
            #expect(queue.sliceCount == 3)
            #expect(queue[2] == "efgh")
        }

        @Test func `removing bytes cuts slices where it must`() {
            var queue = ByteQueue()
            for text in ["abc", "def", "ghi"] { queue.append(Bytes(text)) }
            queue.removeBytes(4)
            #expect(queue.byteCount == 5)
            #expect(queue[0] == "ef")
            queue.removeBytes(2)
            #expect(queue[0] == "ghi")
            queue.removeBytes(3)
            #expect(queue.isEmpty)
        }

        @Test func `removing all lets the memory go`() {
            var queue = ByteQueue()
            weak var slab: Slab?
            do {
                let bytes: Bytes = "abc"
                slab = bytes.slab
                queue.append("first")
                queue.append(bytes)
            }
            #expect(slab != nil)
            queue.removeAll()
            #expect(slab == nil)
            #expect(queue.isEmpty)
        }

        @Test func `a slice that was removed is not kept by the queue`() {
            var queue = ByteQueue()
            weak var slab: Slab?
            do {
                let bytes: Bytes = "abc"
                slab = bytes.slab
                queue.append("first")
                queue.append(bytes)
                for number in 0..<100 { queue.append(Bytes("\(number)")) }
            }
            _ = queue.removeFirst()
            _ = queue.removeFirst()
            #expect(slab == nil)
        }

        @Test func `a queue that is never empty stays as long as its content`() throws {
            var queue = ByteQueue()
            queue.append("x")
            for number in 0..<10_000 {
                queue.append(Bytes("\(number)"))
                _ = queue.removeFirst()
            }
            let rest = try #require(Mirror(reflecting: queue).descendant("rest") as? [Bytes])
            #expect(rest.count < 200)
        }

        @Test(arguments: Seed.some(20))
        func `any mix of operations is what an array of bytes says`(seed: Seed) throws {
            var random = seed.generator
            let source = Bytes((0..<4096).map { _ in UInt8.random(in: 0...255, using: &random) })
            var queue = ByteQueue()
            var model: [UInt8] = []
            var position = 0
            for _ in 0..<3000 {
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<4:
                    let count = Int.random(in: 1...40, using: &random)
                    // Mostly a neighbour of the slice before, which then becomes one with it.
                    if Bool.random(using: &random) || position + count > 4096 {
                        position = Int.random(in: 0...(4096 - count), using: &random)
                    }
                    queue.append(source[position..<(position + count)])
                    model += source[position..<(position + count)]
                    position += count
                case 4..<6:
                    guard !queue.isEmpty else { continue }
                    let slice = queue.removeFirst()
                    #expect(Array(slice) == Array(model.prefix(slice.count)))
                    model.removeFirst(slice.count)
                case 6..<8:
                    guard !queue.isEmpty else { continue }
                    let slice = queue.removeFirst(upTo: Int.random(in: 1...60, using: &random))
                    #expect(Array(slice) == Array(model.prefix(slice.count)))
                    model.removeFirst(slice.count)
                case 8:
                    let count = Int.random(in: 0...queue.byteCount, using: &random)
                    queue.removeBytes(count)
                    model.removeFirst(count)
                default:
                    guard Int.random(in: 0..<20, using: &random) == 0 else { continue }
                    queue.removeAll()
                    model = []
                }
                try #require(queue.byteCount == model.count)
                try #require(queue.isEmpty == model.isEmpty)
            }
            let left = (0..<queue.sliceCount).flatMap { Array(queue[$0]) }
            #expect(left == model)
        }
    }
}
