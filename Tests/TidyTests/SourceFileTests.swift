import TestSupport
import Testing

/// The tools of this target: a test of style that sees nothing would pass for ever.
@Suite(.alone)
struct SourceFileTests {
    private let file = SourceFile(
        path: "Sources/Example.swift",
        text: #"""
            /// Says hello.
            // Sendable: nothing in it changes.
            @safe
            final class Example: @unchecked Sendable {
                let url = "http://example.com" // a remark
                let text = "inside \(words.map { "\($0) // not a comment" }) { end"
                let empty = ""; let raw = ##"quote " and "# inside"##
                /* a block /* in a block */ still a comment */ let after = 1
                func short() { call() }
                func long(
                    _ count: Int
                ) -> Int
                where Self: Sendable {
                    if count > 0 { return 1 }
                    return 2
                }
            }
            protocol Named {
                func name() -> String
                func other()
            }
            """#)

    @Test func `strings and comments are no code`() {
        #expect(file.lines(matching: /example|remark|quote|inside|block|not a comment/).isEmpty)
        #expect(file.comments[4] == "// a remark")
        #expect(file.comments[5].isEmpty)
        #expect(file.lines(matching: /let after = 1/) == [7])
    }

    @Test func `a word ends at a dot`() {
        let file = SourceFile(path: "", text: "Dispatch.DispatchQueue.main.sync {}")
        #expect(file.lines(matching: /\bDispatchQueue\b/) == [0])
    }

    @Test func `code inside an interpolation is code`() {
        #expect(file.lines(matching: /words\.map \{/) == [5])
    }

    @Test func `the comment above a declaration skips attributes`() {
        #expect(file.commentAbove(3).contains("// Sendable: nothing"))
        #expect(file.commentAbove(4).isEmpty)
    }

    @Test func `functions end with their brace and requirements have no body`() {
        #expect(file.functions == [8...8, 9...15])
    }

    @Test func `declarations are those outside all braces`() {
        #expect(file.topLevel.map(\.name) == ["Example", "Named"])
        #expect(file.depths.last == 1)
    }
}
