import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct StageTests {
        /// Reads `count` bytes of `value`, as a loop would; where they lie.
        private static func read(_ value: UInt8, _ count: Int, into stage: Stage) -> Int {
            let buffer = stage.lend()
            _ = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                .initializeMemory(as: UInt8.self, repeating: value)
            return stage.keep(count)
        }

        @Test func `pieces lie beside each other until they are dropped`() {
            let stage = Stage()
            defer { stage.destroy() }
            let starts = (0..<10).map { Self.read(UInt8($0), 1_000, into: stage) }
            #expect(starts == (0..<10).map { $0 * 1_000 })
            for (value, start) in starts.enumerated() {
                let piece = stage.piece(at: start, count: 1_000)
                #expect(piece.allSatisfy { $0 == UInt8(value) })
            }
        }

        @Test func `a full stage lends nothing until every piece has gone`() {
            let stage = Stage()
            defer { stage.destroy() }
            var pieces = 0
            while stage.lend().count > 0 {
                #expect(stage.lend().count >= Stage.leastRoomBytes)
                _ = Self.read(1, 8_000, into: stage)
                pieces += 1
            }
            for _ in 1..<pieces {
                stage.drop()
                #expect(stage.lend().count == 0)
            }
            stage.drop()
            #expect(stage.lend().count == Stage.stageBytes)
        }

        @Test func `a steady exchange stays at the front`() {
            let stage = Stage()
            defer { stage.destroy() }
            for round in 0..<10_000 {
                #expect(Self.read(UInt8(truncatingIfNeeded: round), 64, into: stage) == 0)
                stage.drop()
            }
        }
    }
}
