import ArgumentParser
import Foundation

/// `compare publish`: makes a run the report of this repository.
struct PublishCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Writes Benchmarks/results/README.md from a run in a folder beside it.")

    @Argument(help: "The folder of the run, for example Benchmarks/results/2026-01-31.")
    var folder: String

    func run() throws {
        let run = URL(filePath: folder).standardizedFileURL
        guard let results = try Results.read(from: run) else {
            throw ValidationError("\(folder): no \(Results.fileName) there")
        }
        let report = Report(results, try Remarks())
        try report.write(to: run)
        let target = run.deletingLastPathComponent().appending(path: "README.md")
        let text = report.markdown(charts: run.lastPathComponent + "/")
        try Data(text.utf8).write(to: target)
        print("written: \(target.path)")
    }
}
