/// What a file declares: its types, extensions and functions, found by their keywords and braces.
extension SourceFile {
    /// A type, protocol, extension or function at the outermost level of the file.
    struct Declaration {
        let keyword: String
        let name: String
        let line: Int
    }

    /// The declarations outside all braces.
    var topLevel: [Declaration] {
        let pattern = /\b(class|struct|enum|actor|protocol|typealias|extension|func)\s+([\w.]+)/
        return code.indices.filter { depths[$0] == 0 }.compactMap { line in
            guard let match = code[line].firstMatch(of: pattern) else { return nil }
            return Declaration(keyword: String(match.1), name: String(match.2), line: line)
        }
    }

    /// The first and last line of each function with a body, initializers and computed properties too.
    var functions: [ClosedRange<Int>] {
        let pattern =
            /(\bfunc\s+\S+|\binit[?!]?\s*[<(]|\bdeinit\b|\bsubscript\s*[<(]|\bvar\s+\w+\s*:[^={]*\{)/
        return lines(matching: pattern).compactMap { line in
            bodyEnd(from: line).map { line...$0 }
        }
    }

    /// The line with the brace that closes the body of what is declared from `start` on; nil if it has
    /// none, as in a protocol.
    private func bodyEnd(from start: Int) -> Int? {
        var parentheses = 0
        var braces = 0
        var hasBody = false
        for line in start..<code.count {
            for character in code[line] {
                switch character {
                case "(", "[": parentheses += 1
                case ")", "]": parentheses -= 1
                case "{" where parentheses == 0 || hasBody:
                    hasBody = true
                    braces += 1
                case "}" where hasBody: braces -= 1
                case "}" where parentheses == 0: return nil
                default: continue
                }
                if hasBody, braces == 0 { return line }
            }
            if !hasBody, parentheses == 0, !isSignatureContinued(after: line) { return nil }
        }
        return nil
    }

    /// Whether the line after this one still belongs to a function's signature.
    private func isSignatureContinued(after line: Int) -> Bool {
        guard line + 1 < code.count else { return false }
        return code[line + 1].firstMatch(of: /^\s*(\{|->|throws\b|async\b|rethrows\b|where\b)/)
            != nil
    }
}
