/// Blocks of a file in an order that looks random; each begins with its own number.
struct Blocks {
    /// Bytes of a block. The file has 4,096 of them.
    static let size = 4096
    private var state: UInt64
    private var left: Int

    /// What one of `lanes` readers reads of `amount` blocks in all.
    init(_ amount: Int, lane: Int, of lanes: Int) {
        state = UInt64(lane)
        left = amount / lanes + (lane < amount % lanes ? 1 : 0)
    }

    mutating func next() -> UInt64? {
        guard left > 0 else { return nil }
        left -= 1
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 52
    }

    /// Ends the program if that is not the start of a block.
    static func check(_ start: UInt64, _ count: Int, is block: UInt64) {
        precondition(start == block && count == size, "a wrong block")
    }
}
