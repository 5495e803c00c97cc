/// Names of hosts as the domain name system has them: ASCII, with labels that are not written by RFC 3492. Pure.
/// Changes no letters to small ones and composes no accents: whoever wants that does it before.
enum Punycode {
    /// The longest label of a name; see RFC 1035.
    private static let maximumLabelBytes = 63

    /// The name in ASCII; nil if a label of it would be too long.
    static func name(_ name: String) -> String? {
        if name.utf8.allSatisfy({ $0 < 0x80 }) { return name }
        // The dots of section 3.1 of RFC 3490.
        let labels = name.unicodeScalars.split(omittingEmptySubsequences: false) {
            [0x2E, 0x3002, 0xFF0E, 0xFF61].contains($0.value)
        }
        var parts: [String] = []
        for label in labels {
            let part =
                label.allSatisfy(\.isASCII) ? String(label) : "xn--" + encoded(label.map(\.value))
            guard part.utf8.count <= maximumLabelBytes else { return nil }
            parts.append(part)
        }
        return parts.joined(separator: ".")
    }

    /// Section 6.3 of the RFC. A label has so few code points that nothing here overflows.
    private static func encoded(_ points: [UInt32]) -> String {
        guard points.count <= maximumLabelBytes else {
            return String(repeating: "-", count: maximumLabelBytes + 1)
        }
        var output = points.filter { $0 < 0x80 }.map { UInt8($0) }
        let basic = output.count
        var handled = basic
        if basic > 0 { output.append(UInt8(ascii: "-")) }
        var (next, delta, bias) = (0x80, 0, 72)
        while handled < points.count {
            // There is one more, or the loop would have ended.
            let least = points.lazy.map(Int.init).filter { $0 >= next }.min() ?? next
            delta += (least - next) * (handled + 1)
            next = least
            for point in points.map(Int.init) {
                if point < next { delta += 1 }
                guard point == next else { continue }
                output += digits(of: delta, bias: bias)
                bias = adapted(delta, points: handled + 1, isFirst: handled == basic)
                delta = 0
                handled += 1
            }
            delta += 1
            next += 1
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// A number of variable length.
    private static func digits(of number: Int, bias: Int) -> [UInt8] {
        var digits: [UInt8] = []
        var (rest, position) = (number, 36)
        while true {
            let threshold = min(26, max(1, position - bias))
            guard rest >= threshold else { break }
            digits.append(digit(threshold + (rest - threshold) % (36 - threshold)))
            rest = (rest - threshold) / (36 - threshold)
            position += 36
        }
        return digits + [digit(rest)]
    }

    private static func digit(_ value: Int) -> UInt8 {
        value < 26 ? UInt8(ascii: "a") + UInt8(value) : UInt8(ascii: "0") + UInt8(value - 26)
    }

    /// Section 6.1.
    private static func adapted(_ delta: Int, points: Int, isFirst: Bool) -> Int {
        var rest = isFirst ? delta / 700 : delta / 2
        rest += rest / points
        var bias = 0
        while rest > 455 {
            rest /= 35
            bias += 36
        }
        return bias + 36 * rest / (rest + 38)
    }
}
