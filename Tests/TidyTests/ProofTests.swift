import TestSupport
import Testing

/// The table of Tests/README.md, which says what proves what, agrees with the tests there are.
@Suite(.alone)
struct ProofTests {
    /// The first column of each row and the names quoted in the others.
    private static func rows() throws -> [(what: String, tests: [String])] {
        let lines = try Repository.text("Tests/README.md").split(separator: "\n")
        return lines.filter { $0.hasPrefix("| ") }.map { line in
            let what = line.dropFirst().prefix { $0 != "|" }
            let names = line.matches(of: /`([^`]+)`/).map { String($0.1) }
            return (what.filter { $0 != " " }, names)
        }
    }

    @Test func `every test that the table names exists`() throws {
        let tests = try Repository.swiftFiles(under: "Tests").flatMap { file in
            file.lines.flatMap { $0.matches(of: /func `([^`]+)`/).map { String($0.1) } }
        }
        let known = Set(tests)
        let rows = try Self.rows()
        #expect(rows.count > 50)
        for (what, names) in rows where !["Fault", "Kind", "Wrong", "libuv'stest"].contains(what) {
            #expect(!names.isEmpty, "\(what): nothing proves it")
            for name in names { #expect(known.contains(name), "\(what): no test `\(name)`") }
        }
    }

    @Test func `every fault of the foundation is in the table`() throws {
        let rows = try Self.rows().map { $0.what.prefix { $0 != ":" } }
        let faults = (1...14).map { "L\($0)" } + [2, 3, 4, 8, 9, 10, 11, 13, 15].map { "N\($0)" }
        for fault in faults { #expect(rows.contains(fault[...]), "\(fault)") }
    }
}
