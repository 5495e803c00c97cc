/// Tells the code of a Swift file from its comments and the contents of its strings.
///
/// Knows nested block comments, raw and multi-line strings, and code inside interpolations. Regex literals
/// it takes for code, so one that contains a quote would mislead it.
struct SourceScanner {
    private enum Mode {
        case code
        /// Code inside an interpolation, with the parentheses open in it.
        case interpolation(depth: Int)
        case string(hashes: Int, quotes: Int)
    }

    private let text: [UInt8]
    private var position = 0
    private var modes: [Mode] = [.code]
    private var codeLines: [[UInt8]] = [[]]
    private var commentLines: [[UInt8]] = [[]]

    var code: [String] { codeLines.map { String(decoding: $0, as: UTF8.self) } }
    var comments: [String] { commentLines.map { String(decoding: $0, as: UTF8.self) } }

    init(_ text: String) {
        self.text = Array(text.utf8)
    }

    mutating func scan() {
        while position < text.count {
            if case .string(let hashes, let quotes) = modes[modes.count - 1] {
                scanString(hashes: hashes, quotes: quotes)
            } else {
                scanCode()
            }
        }
    }

    // MARK: Moving on

    private enum Kind { case code, comment, content }

    /// Takes `count` bytes as one kind; what is not code leaves spaces in the code.
    private mutating func take(_ count: Int = 1, as kind: Kind) {
        let end = min(position + count, text.count)
        while position < end {
            let byte = text[position]
            position += 1
            if byte == UInt8(ascii: "\n") {
                codeLines.append([])
                commentLines.append([])
                continue
            }
            codeLines[codeLines.count - 1].append(kind == .code ? byte : UInt8(ascii: " "))
            if kind == .comment { commentLines[commentLines.count - 1].append(byte) }
        }
    }

    private func isNext(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard position + count <= text.count else { return false }
        return (0..<count).allSatisfy { text[position + $0] == word.utf8Start[$0] }
    }

    /// How often `byte` follows itself from `start` on.
    private func run(of byte: UInt8, from start: Int) -> Int {
        var end = start
        while end < text.count, text[end] == byte { end += 1 }
        return end - start
    }

    // MARK: Code

    private mutating func scanCode() {
        if isNext("//") {
            var end = position
            while end < text.count, text[end] != UInt8(ascii: "\n") { end += 1 }
            take(end - position, as: .comment)
        } else if isNext("/*") {
            scanBlockComment()
        } else if !startsString() {
            countParentheses()
        }
    }

    private mutating func scanBlockComment() {
        var depth = 0
        repeat {
            if isNext("/*") {
                depth += 1
                take(2, as: .comment)
            } else if isNext("*/") {
                depth -= 1
                take(2, as: .comment)
            } else {
                take(as: .comment)
            }
        } while depth > 0 && position < text.count
    }

    private mutating func startsString() -> Bool {
        guard text[position] == Self.quote || text[position] == Self.hash else { return false }
        let hashes = run(of: Self.hash, from: position)
        let quotes = run(of: Self.quote, from: position + hashes)
        guard quotes > 0 else { return false }
        let opening = quotes >= 3 ? 3 : 1
        take(hashes + opening, as: .content)
        if quotes == 2 {
            // Two quotes alone are an empty string.
            take(1 + hashes, as: .content)
        } else {
            modes.append(.string(hashes: hashes, quotes: opening))
        }
        return true
    }

    private mutating func countParentheses() {
        if case .interpolation(let depth) = modes[modes.count - 1] {
            let byte = text[position]
            let change = byte == UInt8(ascii: "(") ? 1 : byte == UInt8(ascii: ")") ? -1 : 0
            modes.removeLast()
            guard depth + change > 0 else { return take(as: .content) }
            modes.append(.interpolation(depth: depth + change))
        }
        take(as: .code)
    }

    // MARK: Strings

    private static let quote = UInt8(ascii: "\"")
    private static let hash = UInt8(ascii: "#")

    private mutating func scanString(hashes: Int, quotes: Int) {
        let byte = text[position]
        if byte == UInt8(ascii: "\\"), run(of: Self.hash, from: position + 1) >= hashes {
            let next = position + 1 + hashes
            let isCode = next < text.count && text[next] == UInt8(ascii: "(")
            take(2 + hashes, as: .content)
            if isCode { modes.append(.interpolation(depth: 1)) }
        } else if byte == Self.quote, run(of: Self.quote, from: position) >= quotes,
            run(of: Self.hash, from: position + quotes) >= hashes
        {
            take(quotes + hashes, as: .content)
            modes.removeLast()
        } else {
            take(as: .content)
        }
    }
}
