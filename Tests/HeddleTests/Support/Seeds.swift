import Glibc
import Testing

/// What a randomised test starts from. As a test's argument it is named in the report of a failure;
/// `HEDDLE_TEST_SEED=<number>` then runs the same again.
struct Seed: Sendable, Hashable, CustomTestStringConvertible {
    let number: UInt64

    var testDescription: String { "seed \(number)" }

    /// New ones in each run: `@Test(arguments: Seed.some(10))`.
    static func some(_ count: Int) -> [Seed] {
        if let text = getenv("HEDDLE_TEST_SEED"), let number = UInt64(String(cString: text)) {
            return [Seed(number: number)]
        }
        return (0..<count).map { _ in Seed(number: .random(in: 0...UInt64.max)) }
    }

    var generator: SeededGenerator { SeededGenerator(state: number) }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator, Sendable {
    fileprivate var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// How often the long tests repeat: by default few enough for the whole suite to take under two
/// minutes, with `HEDDLE_TEST_SCALE=full` as often as FAULTS.md asks.
enum TestScale {
    static var isFull: Bool {
        getenv("HEDDLE_TEST_SCALE").map { String(cString: $0) == "full" } ?? false
    }

    /// How much slower instrumented code is than code as it ships, for bounds on time that are the product's.
    static var slowness: Int {
        let isInstrumented = ["__tsan_init", "__asan_init"].contains { (name: String) in
            dlsym(nil, name) != nil
        }
        return isInstrumented ? 10 : 1
    }

    static func times(_ usual: Int, full: Int) -> Int {
        isFull ? full : usual
    }
}
