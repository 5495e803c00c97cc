import TestSupport
import Testing

/// What files are called and how they begin.
@Suite(.alone)
struct NamingTests {
    private let files: [SourceFile]

    init() throws {
        files = try Repository.swiftFiles(under: "Sources/Heddle")
    }

    @Test func `every file of Heddle is named after what it declares or extends`() {
        for file in files {
            let subject = String(file.name.prefix { $0 != "+" })
            let isAbout = file.topLevel.contains { declaration in
                // Functions are named after what they do: `Timeout` holds `withTimeout`.
                declaration.keyword == "func"
                    ? declaration.name.hasSuffix(subject)
                    : declaration.name.split(separator: ".").first.map(String.init) == subject
            }
            #expect(isAbout, "\(file.path): nothing in it is called \(subject)")
        }
    }

    @Test func `no file is named after a heap of things`() {
        for file in files {
            #expect(file.name.firstMatch(of: /Util|Helper|Misc|Common/) == nil, "\(file.path)")
        }
    }

    @Test func `the first declaration of every file begins with a documented sentence`() {
        for file in files {
            guard let first = file.topLevel.first else {
                Issue.record("\(file.path): declares nothing")
                continue
            }
            let comment = file.commentAbove(first.line)
            #expect(
                comment.contains("///") && comment.contains("."),
                "\(file.place(first.line)): \(first.name) begins without a sentence")
        }
    }

    @Test func `nothing is left to be done by a mark`() throws {
        // Put together here, so that this file does not contain them.
        let marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]
        for file in try SizeTests.allFiles() {
            for line in file.lines.indices {
                let found = marks.first { file.lines[line].contains($0) }
                #expect(found == nil, "\(file.place(line)): \(found ?? "")")
            }
        }
    }
}
