import ArgumentParser
import Heddle

/// A length of time as people write it, not looked at yet: `10s`, `500ms`, `1.5m`.
struct TimeSpan: ExpressibleByArgument {
    let defaultValueDescription: String

    /// The units, in nanoseconds; those whose names end in another's come first.
    private static let units: [(name: String, nanoseconds: Double)] = [
        ("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
    ]
    /// What is asked for here takes no longer than a year.
    private static let maximumNanoseconds = 365 * 24 * 3600e9

    init(argument: String) {
        defaultValueDescription = argument
    }

    /// The duration, from zero to a year.
    ///
    /// - Throws: ``ValidationError`` that names the option and says what is wrong with the text.
    func duration(of option: String) throws -> Duration {
        let text = defaultValueDescription
        let malformed = { (reason: String) in ValidationError("\(option) \(text): \(reason)") }
        guard let unit = Self.units.first(where: { text.hasSuffix($0.name) }) else {
            throw malformed("not a duration with a unit, such as 500ms, 10s or 1m")
        }
        let digits = text.dropLast(unit.name.utf8.count)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ "0123456789.-".utf8.contains($0) }),
            let number = Double(digits)
        else { throw malformed("not a duration such as 500ms, 10s or 1m") }
        guard number >= 0 else { throw malformed("a duration cannot be negative") }
        let nanoseconds = number * unit.nanoseconds
        guard nanoseconds <= Self.maximumNanoseconds else { throw malformed("more than a year") }
        return .nanoseconds(Int64(nanoseconds.rounded()))
    }

    /// The same, more than zero.
    func positiveDuration(of option: String) throws -> Duration {
        let duration = try duration(of: option)
        guard duration > .zero else {
            throw ValidationError("\(option) \(defaultValueDescription): not more than zero")
        }
        return duration
    }
}

/// Checks the parser does not make; each error names the option and its value.
enum Check {
    static func bounds(_ option: String, _ number: Int?, _ bounds: ClosedRange<Int>) throws {
        guard let number, !bounds.contains(number) else { return }
        throw ValidationError(
            "\(option) \(number): not between \(bounds.lowerBound) and \(bounds.upperBound)")
    }

    static func endpoint(_ option: String, _ text: String) throws -> Endpoint {
        try address(option, text) { try Endpoint(text) }
    }

    static func unixAddress(_ option: String, _ text: String) throws -> UnixAddress {
        try address(option, text) { try UnixAddress(text) }
    }

    private static func address<Address>(
        _ option: String, _ text: String, _ parse: () throws -> Address
    ) throws -> Address {
        do {
            return try parse()
        } catch let error as IOError {
            throw ValidationError("\(option) \(text): \(error.reason)")
        }
    }

    static func balance(_ option: String, _ text: String) throws -> ListenOptions.Balance {
        if let balance = ListenOptions.Balance(rawValue: text) { return balance }
        let names = ListenOptions.Balance.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("\(option) \(text): none of \(names)")
    }
}
