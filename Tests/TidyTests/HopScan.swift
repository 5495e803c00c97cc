/// Finds what is called last, or alone, in the closures that are handed to `hop`.
enum HopScan {
    /// The names that the last statement of each closure calls, and those of what is handed over in place of one.
    static func calls(in code: String) -> [String] {
        code.matches(of: /\bhop\s*(\(\s*(\w+)\s*\)|\{)/.wordBoundaryKind(.simple)).compactMap {
            match in
            if let value = match.2 { return String(value) }
            return called(in: closure(code[match.range.upperBound...]))
        }
    }

    /// The text up to the brace that closes what is open.
    private static func closure(_ text: Substring) -> Substring {
        var depth = 1
        for index in text.indices {
            if text[index] == "{" { depth += 1 }
            if text[index] == "}" { depth -= 1 }
            if depth == 0 { return text[..<index] }
        }
        return text
    }

    /// The function whose call a closure ends with; nil if it ends in something else.
    private static func called(in closure: Substring) -> String? {
        // A statement begins on a line that no parenthesis or brace is open before.
        var depth = 0
        var last = ""
        for line in closure.split(separator: "\n") {
            if depth == 0 { last = "" }
            last += line + " "
            for character in line {
                if "({[".contains(character) { depth += 1 }
                if ")}]".contains(character) { depth -= 1 }
            }
        }
        let call = last.firstMatch(
            of: /^\s*(?:return\s+)?(?:try[?!]?\s+)?(?:await\s+)?(?:\w+[?!]?\.)*([a-z]\w*)\s*[({]/)
        guard let name = call.map({ String($0.1) }), !["if", "do", "switch", "for"].contains(name)
        else { return nil }
        return name
    }
}
