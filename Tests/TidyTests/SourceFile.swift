/// A Swift file taken apart into code and comments, line by line, with the extents of its functions.
struct SourceFile: Sendable {
    let path: String
    /// The lines as they are.
    let lines: [String]
    /// The lines without comments and without the contents of strings.
    let code: [String]
    /// The comments in each line, with their slashes; empty where there is none.
    let comments: [String]
    /// How many braces are open at the start of each line.
    let depths: [Int]

    init(path: String, text: String) {
        self.path = path
        var scanner = SourceScanner(text)
        scanner.scan()
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        code = scanner.code
        comments = scanner.comments
        var depth = 0
        depths = code.map { line in
            defer {
                for byte in line.utf8 {
                    if byte == UInt8(ascii: "{") { depth += 1 }
                    if byte == UInt8(ascii: "}") { depth -= 1 }
                }
            }
            return depth
        }
    }

    /// The name without folder and ending.
    var name: String {
        String(path.split(separator: "/").last?.dropLast(".swift".count) ?? "")
    }

    /// How many lines the file has.
    var length: Int { lines.last == "" ? lines.count - 1 : lines.count }

    /// `path:number`, as editors and compilers say it.
    func place(_ line: Int) -> String { "\(path):\(line + 1)" }

    /// The lines whose code matches. Words end at dots: by Unicode's rules, which are the default, `Queue.main` is one.
    func lines(matching pattern: some RegexComponent) -> [Int] {
        let pattern = pattern.regex.wordBoundaryKind(.simple)
        return code.indices.filter { code[$0].firstMatch(of: pattern) != nil }
    }

    /// Whether a line holds a comment and no code.
    func isCommentOnly(_ line: Int) -> Bool {
        !comments[line].isEmpty && code[line].allSatisfy(\.isWhitespace)
    }

    /// Whether a line holds nothing but attributes, which stand between a comment and its declaration.
    private func isAttributeOnly(_ line: Int) -> Bool {
        code[line].wholeMatch(of: /\s*(@\w+(\([^)]*\))?\s*)+/) != nil
    }

    /// The comment that ends directly above a line, as one text; empty if there is none.
    func commentAbove(_ line: Int) -> String {
        var first = line
        while first > 0, isCommentOnly(first - 1) || isAttributeOnly(first - 1) { first -= 1 }
        return comments[first..<line].filter { !$0.isEmpty }.joined(separator: "\n")
    }
}
