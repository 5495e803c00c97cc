/// Numbers as text, the same in every locale.
enum Text {
    /// With exactly `digits` digits after the point, rounded.
    static func fixed(_ number: Double, _ digits: Int) -> String {
        guard number.isFinite, abs(number) < 1e15 else { return "\(number)" }
        let scale = (0..<digits).reduce(1) { value, _ in value * 10 }
        let scaled = Int((abs(number) * Double(scale)).rounded())
        let sign = number < 0 && scaled != 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let fraction = "\(scaled % scale)"
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return "\(sign)\(scaled / scale).\(zeros)\(fraction)"
    }

    /// With a comma between each three digits: `1,234,567`.
    static func grouped(_ number: Int) -> String {
        let digits = Array("\(number.magnitude)")
        var text = number < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// A time in the unit that suits it: `87.3 µs`, `1.24 ms`, `2.05 s`.
    static func time(nanoseconds: UInt64) -> String {
        let number = Double(nanoseconds)
        if number < 1e6 { return "\(fixed(number / 1e3, 1)) µs" }
        if number < 1e9 { return "\(fixed(number / 1e6, 2)) ms" }
        return "\(fixed(number / 1e9, 2)) s"
    }

    /// `1 listener`, `2 listeners`.
    static func count(_ number: Int, _ noun: String) -> String {
        "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")"
    }
}
