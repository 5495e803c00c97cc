import TestSupport
import Testing

/// Sizes that keep a file, a function and a sample within what one can hold in mind.
@Suite(.alone)
struct SizeTests {
    static let maximumFileLines = 400
    static let maximumMedianFileLines = 149
    static let maximumFunctionLines = 50
    static let maximumSampleLines = 59

    static func allFiles() throws -> [SourceFile] {
        try Repository.swiftFiles(under: "Sources") + Repository.swiftFiles(under: "Tests")
    }

    @Test func `no file has more than 400 lines`() throws {
        for file in try Self.allFiles() {
            #expect(file.length <= Self.maximumFileLines, "\(file.path): \(file.length) lines")
        }
    }

    @Test(arguments: ["Sources", "Tests"])
    func `half of the files have fewer than 150 lines`(folder: String) throws {
        let lengths = try Repository.swiftFiles(under: folder).map(\.length).sorted()
        #expect(lengths[lengths.count / 2] <= Self.maximumMedianFileLines)
    }

    @Test func `no function has more than 50 lines`() throws {
        for file in try Self.allFiles() {
            for function in file.functions where function.count > Self.maximumFunctionLines {
                Issue.record("\(file.place(function.lowerBound)): \(function.count) lines")
            }
        }
    }

    @Test func `every sample has fewer than 60 lines`() throws {
        let samples = try Repository.swiftFiles(under: "Sources/Samples")
        #expect(samples.count >= 6)
        for file in samples {
            #expect(file.length <= Self.maximumSampleLines, "\(file.path): \(file.length) lines")
        }
    }
}
