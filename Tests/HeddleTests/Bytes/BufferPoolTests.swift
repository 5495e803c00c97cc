import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct BufferPoolTests {
        /// Reads `count` bytes of `value`, as a loop would.
        private static func read(_ value: UInt8, _ count: Int, from pool: BufferPool) -> Bytes {
            let buffer = pool.lend()
            _ = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                .initializeMemory(as: UInt8.self, repeating: value)
            return pool.take(count)
        }

        @Test func `there is always room for the largest read`() {
            let pool = BufferPool()
            defer { pool.destroy() }
            var kept: [Bytes] = []
            for _ in 0..<100 {
                let room = BufferPool.readBytes...BufferPool.largestReadBytes
                #expect(room.contains(pool.lend().count))
                kept.append(Self.read(1, 40_000, from: pool))
            }
            #expect(kept.allSatisfy { $0.count == 40_000 && $0[39_999] == 1 })
        }

        @Test func `a steady exchange stays in the same memory`() {
            let pool = BufferPool()
            defer { pool.destroy() }
            var slabs: Set<ObjectIdentifier> = []
            for round in 0..<10_000 {
                let bytes = Self.read(UInt8(truncatingIfNeeded: round), 64, from: pool)
                slabs.insert(ObjectIdentifier(bytes.slab!))
                #expect(Int(bytes.start) < BufferPool.warmBytes)
            }
            #expect(slabs.count == 1)
        }

        @Test func `full slabs come back once their slices are gone`() {
            let pool = BufferPool()
            defer { pool.destroy() }
            var slabs: Set<ObjectIdentifier> = []
            var window: [Bytes] = []
            for round in 0..<2_000 {
                window.append(Self.read(UInt8(truncatingIfNeeded: round), 32_768, from: pool))
                if window.count > 24 { window.removeFirst() }
                slabs.insert(ObjectIdentifier(window.last!.slab!))
            }
            // Twenty-four slices of 32 KiB fill three slabs and reach into two more.
            #expect(slabs.count <= 6)
        }

        @Test func `the pool keeps a bounded number of slabs`() {
            let pool = BufferPool()
            defer { pool.destroy() }
            weak var early: Slab?
            weak var late: Slab?
            var kept: [Bytes] = []
            while kept.count < 400 {
                kept.append(Self.read(3, 32_768, from: pool))
                if kept.count == 1 { early = kept[0].slab }
                if kept.count == 300 { late = kept[299].slab }
            }
            kept = []
            #expect(early != nil, "the first slabs are spares")
            #expect(late == nil, "what is more than the spares went with its slices")
        }

        @Test func `the pool's memory goes with the pool`() {
            weak var slab: Slab?
            do {
                let pool = BufferPool()
                defer { pool.destroy() }
                slab = Self.read(1, 10, from: pool).slab
                #expect(slab != nil)
            }
            #expect(slab == nil)
        }

        @Test func `copies are what was copied`() {
            let pool = BufferPool()
            defer { pool.destroy() }
            for count in [0, 1, 64, BufferPool.warmBytes, BufferPool.warmBytes + 1, 1_000_000] {
                let source = Bytes((0..<count).map { UInt8(truncatingIfNeeded: $0) })
                let span = source.bytes
                let copy = pool.copy(span)
                #expect(copy == source)
                #expect(count == 0 || copy.slab !== source.slab)
            }
        }

        @Test func `a compacted read keeps nothing of the slab`() {
            let pool = BufferPool()
            defer { pool.destroy() }
            let buffer = pool.lend()
            for index in 0..<5 { buffer[index] = UInt8(index) }
            let bytes = pool.takeCompacted(5)
            #expect(Array(bytes) == [0, 1, 2, 3, 4])
            #expect(bytes.slab?.header == 5)
            #expect(pool.lend().baseAddress == buffer.baseAddress, "the place is free again")
        }

        private static func gather(_ bytes: Bytes, in pool: BufferPool) -> Bool {
            pool.gather(bytes.bytes)
        }

        @Test func `gathered bytes come out together, and what does not fit is refused`() {
            let pool = BufferPool()
            defer { pool.destroy() }
            #expect(Self.gather("ab", in: pool))
            #expect(Self.gather("", in: pool))
            #expect(Self.gather("cd", in: pool))
            #expect(Array(pool.takeGathered()) == Array("abcd".utf8))
            #expect(pool.takeGathered().isEmpty)
            let full = Bytes(repeatElement(1, count: BufferPool.warmBytes))
            #expect(Self.gather(full, in: pool))
            #expect(!Self.gather("x", in: pool))
            #expect(pool.takeGathered().count == BufferPool.warmBytes)
            #expect(Self.gather("x", in: pool))
        }

        @Test(arguments: Seed.some(20))
        func `no slice changes while it is held`(seed: Seed) throws {
            var random = seed.generator
            let pool = BufferPool()
            defer { pool.destroy() }
            var held: [(bytes: Bytes, value: UInt8)] = []
            for round in 0..<400 {
                let value = UInt8(truncatingIfNeeded: round)
                let count = [1, 64, 1500, 20_000, 65_536].randomElement(using: &random)!
                held.append((Self.read(value, count, from: pool), value))
                while held.count > 12
                    || (!held.isEmpty && Int.random(in: 0..<3, using: &random) == 0)
                {
                    let index = Int.random(in: 0..<held.count, using: &random)
                    let (bytes, value) = held.remove(at: index)
                    let same = bytes.first == value && bytes.last == value
                    try #require(same, "slice of \(bytes.count) bytes")
                }
            }
            for (bytes, value) in held { try #require(bytes.allSatisfy { $0 == value }) }
        }
    }
}
