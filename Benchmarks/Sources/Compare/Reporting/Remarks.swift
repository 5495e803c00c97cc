import ArgumentParser
import Foundation

/// What people wrote about workloads: `results/remarks/<workload>.md`.
struct Remarks {
    private let texts: [String: String]

    /// - Throws: `ValidationError` for a file that is of no workload: nobody would ever read it.
    init(
        in folder: URL = Tools.root.appending(path: "results/remarks"),
        of known: [String] = Workloads.all.map(\.id)
    ) throws {
        var texts: [String: String] = [:]
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names.sorted() where name != "README.md" && !name.hasPrefix(".") {
            let file = folder.appending(path: name)
            let workload = file.deletingPathExtension().lastPathComponent
            guard file.pathExtension == "md", known.contains(workload) else {
                throw ValidationError(
                    "\(file.path): a remark of no workload; there are \(known.joined(separator: ", "))"
                )
            }
            texts[workload] = try String(contentsOf: file, encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
        self.texts = texts
    }

    /// Empty if there is nothing to say; else with an empty line before it.
    func paragraph(of workload: String) -> String {
        texts[workload].map { "\n\n\($0)" } ?? ""
    }
}
