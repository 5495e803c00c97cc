import Foundation
import TestSupport
import Testing

/// The files of this repository, read from where this file was compiled.
enum Repository {
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The text of a file, by its path from the root.
    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// Whether there is a file or folder of that path.
    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    /// The paths of all files below a folder whose names end in `suffix`, sorted; nothing hidden.
    static func paths(under folder: String, suffix: String) throws -> [String] {
        let start = root.appending(path: folder)
        let files = try FileManager.default.subpathsOfDirectory(atPath: start.path)
        return files.filter { $0.hasSuffix(suffix) && !"/\($0)".contains("/.") }
            .map { "\(folder)/\($0)" }.sorted()
    }

    /// Every Swift file of the repository, taken apart once for all tests.
    private static let swiftFiles: [SourceFile] = ["Sources", "Tests", "Examples"].flatMap {
        folder in
        let paths = (try? paths(under: folder, suffix: ".swift")) ?? []
        return paths.map { SourceFile(path: $0, text: (try? text($0)) ?? "") }
    }

    /// The Swift files below a folder.
    static func swiftFiles(under folder: String) throws -> [SourceFile] {
        let files = swiftFiles.filter { $0.path.hasPrefix(folder + "/") }
        try #require(!files.isEmpty, "no Swift files in \(folder)")
        return files
    }

    /// What `.ci/run` prints when called with `arguments`.
    static func continuousIntegration(_ arguments: String) throws -> String {
        let script = root.appending(path: ".ci/run").path
        let (output, status) = Shell.run("'\(script)' \(arguments)")
        try #require(status == 0, "\(script) \(arguments): status \(status)")
        return output
    }
}
