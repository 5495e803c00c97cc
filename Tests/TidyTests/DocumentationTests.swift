import Foundation
import TestSupport
import Testing

/// The documents agree with the code and with each other.
@Suite(.alone)
struct DocumentationTests {
    /// A block of Swift in a document or in the documentation of a source.
    struct Block {
        let place: String
        let lines: [String]
    }

    /// The fenced Swift blocks in lines of Markdown.
    private static func blocks(in lines: [String], of path: String) -> [Block] {
        var blocks: [Block] = []
        var current: [String]?
        for (number, line) in lines.enumerated() {
            let text = line.trimmingCharacters(in: .whitespaces)
            if current == nil, text == "```swift" {
                current = []
            } else if text == "```", let lines = current {
                blocks.append(Block(place: "\(path):\(number + 1)", lines: trimmed(lines)))
                current = nil
            } else {
                current?.append(line)
            }
        }
        return blocks
    }

    /// Without indentation and empty lines, which differ with the place a piece of code stands in.
    private static func trimmed(_ lines: [String]) -> [String] {
        lines.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    private static func allBlocks() throws -> [Block] {
        var found: [Block] = []
        let articles = try Repository.paths(under: "Sources/Heddle/Heddle.docc", suffix: ".md")
        for path in ["README.md"] + articles {
            let lines = try Repository.text(path).split(
                separator: "\n", omittingEmptySubsequences: false)
            found += blocks(in: lines.map(String.init), of: path)
        }
        for file in try Repository.swiftFiles(under: "Sources") {
            // Only documentation, without its slashes.
            let lines = file.comments.map { $0.hasPrefix("///") ? String($0.dropFirst(3)) : "" }
            found += blocks(in: lines, of: file.path)
        }
        return found
    }

    @Test func `every Swift block is compiled word for word somewhere`() throws {
        let compiled = try ["Sources/Samples", "Tests/IntegrationTests", "Examples"]
            .flatMap { try Repository.swiftFiles(under: $0) }
            .map { "\n" + Self.trimmed($0.lines).joined(separator: "\n") + "\n" }
        let blocks = try Self.allBlocks()
        #expect(blocks.count > 10)
        for block in blocks {
            let text = "\n" + block.lines.joined(separator: "\n") + "\n"
            #expect(
                compiled.contains { $0.contains(text) },
                "the code that ends at \(block.place) is in no sample or test")
        }
    }

    @Test func `the README has the first sample in full`() throws {
        let sample = try Repository.text("Sources/Samples/TCPEcho/main.swift")
        #expect(try Repository.text("README.md").contains("```swift\n\(sample)```"))
    }

    @Test func `continuous integration runs the test command of the README`() throws {
        let command = try Repository.continuousIntegration("--test-command")
        let readme = try Repository.text("README.md").split(separator: "\n").map(String.init)
        let commands = readme.filter { $0.hasSuffix("swift test") }
        #expect(commands.count == 1)
        #expect(command == commands.map { $0 + "\n" }.joined())
        // The one in use: no other plain run is spelled out there.
        let script = try Repository.text(".ci/run")
        #expect(script.contains("bash -c \"$(test_command)\""))
        #expect(try Repository.text("CONTRIBUTING.md").contains(command))
    }

    @Test func `links between documents lead somewhere`() throws {
        for path in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
            for match in try Repository.text(path).matches(of: /\]\(([^)#:]+)\)/) {
                #expect(Repository.exists(String(match.1)), "\(path): \(match.1)")
            }
        }
    }

    @Test func `every sample is a target and every target a sample`() throws {
        let paths = try Repository.paths(under: "Sources/Samples", suffix: "/main.swift")
        let manifest = try Repository.text("Package.swift")
        let list = try #require(manifest.firstMatch(of: /let samples = \[([^\]]*)\]/))
        let names = list.1.matches(of: /"(\w+)"/).map { String($0.1) }
        #expect(Set(paths) == Set(names.map { "Sources/Samples/\($0)/main.swift" }))
    }
}
