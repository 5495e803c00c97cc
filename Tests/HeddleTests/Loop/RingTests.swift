import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct RingTests {
        @Test func `elements come out in the order they went in, whatever it grew by`() {
            var ring = Ring<Int>(capacity: 1)
            var next = 0
            var expected = 0
            for round in 0..<200 {
                for _ in 0..<(round % 7) {
                    ring.append(next)
                    next += 1
                }
                for _ in 0..<(round % 5) {
                    guard let element = ring.popFirst() else { break }
                    #expect(element == expected)
                    expected += 1
                }
                #expect(ring.count == next - expected)
            }
            while let element = ring.popFirst() {
                #expect(element == expected)
                expected += 1
            }
            #expect(expected == next && ring.isEmpty)
        }

        @Test func `what was taken out is not kept alive`() {
            var ring = Ring<Recorder<Int>>()
            weak var seen: Recorder<Int>?
            do {
                let item = Recorder<Int>()
                seen = item
                ring.append(item)
            }
            #expect(seen != nil)
            _ = ring.popFirst()
            #expect(seen == nil)
        }
    }
}
