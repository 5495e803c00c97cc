import Foundation

/// Where things are.
enum Tools {
    /// The folder `Benchmarks`, from where this file was compiled.
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// What `make` builds.
    static func built(_ name: String) -> String {
        root.appending(path: ".build-peers/\(name)").path
    }

    /// What this package builds: next to this program.
    static func product(_ name: String) -> String {
        let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        return folder.appending(path: name).path
    }

    static func source(_ path: String) -> String { root.appending(path: path).path }

    static let load = built("load")

    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// Whether a program is in the path.
    static func hasCommand(_ name: String) -> Bool {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return path.split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
        }
    }
}
