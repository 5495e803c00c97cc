/// What is printed on the terminal.
enum Text {
    /// A workload's figures: median, quartiles, ratio to the reference, then the other metrics.
    static func table(_ result: WorkloadResult) -> String {
        let metric = result.primary
        let heads = ["", metric.heading, "quartiles", "ratio", "quartiles"]
        var rows = [heads + result.metrics.dropFirst().map(\.heading)]
        for peer in result.peers {
            guard let summary = peer.summary(metric) else {
                rows.append([peer.title, "failed"])
                continue
            }
            let ratio = result.reference.flatMap { peer.ratio(to: $0, metric) }
            rows.append(
                [
                    peer.title, metric.text(summary.median),
                    "\(metric.text(summary.low)) to \(metric.text(summary.high))",
                    ratio?.median.grouped(digits: 2) ?? "",
                    ratio.map { "\($0.low.grouped(digits: 2)) to \($0.high.grouped(digits: 2))" }
                        ?? "",
                ]
                    + result.metrics.dropFirst().map { other in
                        peer.summary(other).map { other.text($0.median) } ?? ""
                    })
        }
        let failures = result.peers.compactMap { peer in
            peer.failure.map { "FAILED \(peer.title): \($0)\n" }
        }
        return "\n\(result.title) (\(result.workload))\n" + aligned(rows) + failures.joined()
    }

    /// What there is.
    static func list(_ workloads: [Workload], _ peers: [Peer]) -> String {
        let rows = workloads.map { workload in
            let takers = peers.filter { $0.commands[workload.role] != nil }.map(\.id)
            return [
                workload.id, workload.title + (workload.isQuick ? " (quick)" : ""),
                takers.joined(separator: " "),
            ]
        }
        return aligned(rows, leading: 3) + "\npeers: " + peers.map(\.id).joined(separator: " ")
    }

    /// Rows in columns; all but the first `leading` ones to the right.
    private static func aligned(_ rows: [[String]], leading: Int = 1) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            let cells = row.enumerated().map { column, text in
                let space = String(repeating: " ", count: widths[column] - text.count)
                return column < leading ? text + space : space + text
            }
            return "  " + cells.joined(separator: "  ") + "\n"
        }.joined()
    }
}
