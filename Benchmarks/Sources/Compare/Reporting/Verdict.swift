/// Says in words where Heddle stands in a workload, and who is ahead of it.
struct Verdict {
    /// With fewer rounds the quartiles say nothing about the spread.
    private static let leastRounds = 4

    private let result: WorkloadResult

    init(_ result: WorkloadResult) { self.result = result }

    var text: String {
        let mine = result.peers.filter { $0.peer.hasPrefix("heddle") }
        return mine.compactMap(sentence).joined(separator: " ")
    }

    private func sentence(_ mine: PeerResult) -> String? {
        guard let summary = mine.summary(result.primary) else { return nil }
        let metric = result.primary
        guard mine.rounds.count >= Self.leastRounds else {
            return "\(mine.title) takes \(metric.text(summary.median)) \(metric.unit)."
        }
        let others = result.peers.filter { !$0.peer.hasPrefix("heddle") }
        // By the ratio of rounds, as everywhere; quartiles that reach across 1 say nothing.
        let ahead = others.filter { other in
            guard let ratio = mine.ratio(to: other, metric) else { return false }
            return metric.higherIsBetter ? ratio.high < 1 : ratio.low > 1
        }
        let value = "\(metric.text(summary.median)) \(metric.unit)"
        guard !ahead.isEmpty else {
            return "\(mine.title) takes \(value): nobody is clearly ahead."
        }
        let names = ahead.map { other in
            let ratio = mine.ratio(to: other, metric)?.median ?? 1
            return "\(other.title) (\(mine.title) is \(ratio.grouped(digits: 2)) of it)"
        }
        return "\(mine.title) takes \(value); ahead: \(names.joined(separator: ", "))."
    }
}
