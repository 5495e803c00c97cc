import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct StreamLimitsTests {
        @Test func `the defaults are valid`() throws {
            try StreamLimits().validate()
        }

        @Test func `the smallest marks are valid`() throws {
            var limits = StreamLimits()
            limits.unreadHighWater = 1
            limits.unsentHighWater = 1
            limits.unsentLowWater = 0
            limits.closeTimeout = .nanoseconds(1)
            try limits.validate()
        }

        static let wrong: [(@Sendable (inout StreamLimits) -> Void)] = [
            { $0.unreadHighWater = 0 }, { $0.unreadHighWater = -1 },
            { $0.unsentHighWater = 0 }, { $0.unsentHighWater = .min },
            { $0.unsentLowWater = -1 },
            { $0.unsentLowWater = $0.unsentHighWater },
            { $0.unsentLowWater = .max },
            { $0.closeTimeout = .zero }, { $0.closeTimeout = .seconds(-1) },
        ]

        @Test(arguments: wrong.indices)
        func `marks out of order are refused`(index: Int) {
            var limits = StreamLimits()
            Self.wrong[index](&limits)
            let error = #expect(throws: IOError.self) { try limits.validate() }
            #expect(error?.code == .invalidArgument)
        }
    }
}
