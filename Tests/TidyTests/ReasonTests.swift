import TestSupport
import Testing

/// Wherever the compiler's checks are overruled a comment says why that is right. These tests see that
/// the comment is there; whether it is true is for the reader.
@Suite(.alone)
struct ReasonTests {
    private let files: [SourceFile]

    init() throws {
        files = try Repository.swiftFiles(under: "Sources")
    }

    @Test func `every unchecked Sendable says what makes it so`() {
        for file in files {
            for line in file.lines(matching: /@unchecked\s+Sendable/) {
                let reason = file.commentAbove(line)
                #expect(
                    reason.contains("// Sendable: "),
                    "\(file.place(line)): no '// Sendable: …' above")
            }
        }
    }

    @Test func `every unsafe storage says why it holds`() {
        for file in files {
            for line in file.lines(matching: /\b(nonisolated|unowned)\(unsafe\)/) {
                #expect(!file.commentAbove(line).isEmpty, "\(file.place(line)): no comment above")
            }
        }
    }

    @Test func `every type declared safe has a comment`() {
        for file in files {
            for line in file.lines(matching: /@safe\b/) {
                guard file.code[line].firstMatch(of: /@exclusivity/) == nil else { continue }
                #expect(!file.commentAbove(line).isEmpty, "\(file.place(line)): no comment above")
            }
        }
    }

    /// These attributes stand on many fields of few types, so the reason is given once, at the type.
    @Test func `a type without exclusivity checks says why`() {
        for file in files {
            for line in file.lines(matching: /@exclusivity\(unchecked\)/) {
                let above = file.comments[..<line].joined(separator: "\n").lowercased()
                #expect(above.contains("exclusiv"), "\(file.place(line)): no reason at its type")
            }
        }
    }

    /// Covered means: a comment in the same function, or directly above it, or above the line itself, or,
    /// where one reason holds for a whole file, a comment `// Unsafe: …` before.
    @Test func `every unsafe expression is covered by a comment`() {
        for file in files {
            let functions = file.functions
            for line in file.lines(matching: /\bunsafe\s+[\w(&\[]/) {
                let around = functions.filter { $0.contains(line) }
                let isCovered =
                    !file.commentAbove(line).isEmpty
                    || file.comments[..<line].contains { $0.hasPrefix("// Unsafe: ") }
                    || around.contains { function in
                        !file.commentAbove(function.lowerBound).isEmpty
                            || function.contains { !file.comments[$0].isEmpty }
                    }
                #expect(isCovered, "\(file.place(line)): unsafe without a comment")
            }
        }
    }
}
