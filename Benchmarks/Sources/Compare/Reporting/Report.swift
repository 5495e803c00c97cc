import Foundation

/// A run as Markdown, with a chart and a table for each workload.
struct Report {
    private let results: Results
    private let remarks: Remarks

    init(_ results: Results, _ remarks: Remarks) {
        self.results = results
        self.remarks = remarks
    }

    /// Writes README.md and the charts into the folder of the run.
    func write(to folder: URL) throws {
        for workload in results.workloads {
            let file = folder.appending(path: "\(workload.workload).svg")
            try Data(Chart(workload).svg.utf8).write(to: file)
        }
        let text = markdown(charts: "")
        try Data(text.utf8).write(to: folder.appending(path: "README.md"))
    }

    /// - Parameter charts: where the charts are, from where the text will be: empty, or with a slash.
    func markdown(charts: String) -> String {
        ([head, overview] + results.workloads.map { section($0, charts: charts) })
            .joined(separator: "\n")
    }

    private var head: String {
        let machine = results.machine
        let versions = machine.versions.sorted { $0.key < $1.key }.map { "\($0) \($1)" }
        let missing = results.missing.isEmpty ? ["none"] : results.missing
        return """
            # Heddle beside its peers

            Measured on \(results.date): \(machine.processor), \(machine.cores) cores, Linux \(machine.kernel).
            \(versions.joined(separator: "; ")).
            SwiftNIO 2.101.2 and FlyingFox 0.27.1 are pinned in `Benchmarks/Package.swift`.

                swift run -c release --package-path Benchmarks compare \(results.command)

            Rounds are interleaved (A B C A B C …), each with a fresh server on core 0 and the load on core 1.
            Figures are medians with quartiles. The ratio is to the first row, taken round by round: on a machine
            that others share, only neighbours in time can be compared. Trust ratios more than figures, and CPU
            time more than requests per second. Where the server was less than busy, the load or the network
            stack was the limit, and the ratio also contains the price of sleeping.

            Missing: \(missing.joined(separator: "; ")).

            """
    }

    private var overview: String {
        let rows = results.workloads.map { result -> String in
            let cells = ["heddle-async", "heddle-handler", "nio-handlers", "nio-async"].map { id in
                guard let peer = result.peers.first(where: { $0.peer == id }),
                    let reference = result.reference,
                    let ratio = peer.ratio(to: reference, result.primary)
                else { return "" }
                return ratio.median.grouped(digits: 2)
            }
            let anchor = "[\(result.title)](#\(result.workload))"
            return "| \(anchor) | \(result.primary.name) | \(cells.joined(separator: " | ")) |"
        }
        return """
            | Ratio to \(results.workloads.first?.reference?.title ?? "the first") | | Heddle async | Heddle handler | SwiftNIO handlers | NIOAsyncChannel |
            |---|---|---|---|---|---|
            \(rows.joined(separator: "\n"))

            """
    }

    private func section(_ result: WorkloadResult, charts: String) -> String {
        let metric = result.primary
        let others = result.metrics.dropFirst()
        let heads =
            ["", metric.heading, "quartiles", "ratio", "quartiles"]
            + others.map(\.heading)
        let rule = "|---|" + heads.dropFirst().map { _ in "---:|" }.joined()
        let rows = result.peers.map { row($0, of: result) }
        return """
            <a id="\(result.workload)"></a>
            ## \(result.title)

            \(result.meaning) \(Verdict(result).text)

            ![\(result.title)](\(charts)\(result.workload).svg)

            | \(heads.joined(separator: " | ")) |
            \(rule)
            \(rows.joined(separator: "\n"))

            \(result.peers.first?.rounds.count ?? 0) rounds of \(result.duration.grouped(digits: 2)) s.\(remarks.paragraph(of: result.workload))

            """
    }

    private func row(_ peer: PeerResult, of result: WorkloadResult) -> String {
        let metric = result.primary
        let name = peer.peer.hasPrefix("heddle") ? "**\(peer.title)**" : peer.title
        guard let summary = peer.summary(metric) else {
            return "| \(name) | failed: \(peer.failure ?? "") |"
        }
        let ratio = result.reference.flatMap { peer.ratio(to: $0, metric) }
        var cells = [
            name, metric.text(summary.median),
            "\(metric.text(summary.low)) to \(metric.text(summary.high))",
            ratio?.median.grouped(digits: 2) ?? "",
            ratio.map { "\($0.low.grouped(digits: 2)) to \($0.high.grouped(digits: 2))" } ?? "",
        ]
        for other in result.metrics.dropFirst() {
            cells.append(peer.summary(other).map { other.text($0.median) } ?? "")
        }
        return "| \(cells.joined(separator: " | ")) |"
    }
}
