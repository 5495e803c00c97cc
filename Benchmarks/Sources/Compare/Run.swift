import Foundation

/// Measures workloads: round after round, and in each round peer after peer.
struct Run {
    let workloads: [Workload]
    let peers: [Peer]
    let rounds: Int
    let duration: Double

    private func takers(of workload: Workload) -> [Peer] {
        peers.filter { $0.commands[workload.role] != nil }
    }

    private func rounds(of workload: Workload) -> Int { min(rounds, workload.maximumRounds) }

    /// Calls `finished` with each workload as it is done.
    func measure(_ finished: (WorkloadResult) throws -> Void) rethrows {
        let total = workloads.reduce(0) { $0 + takers(of: $1).count * rounds(of: $1) }
        var progress = Progress(total: total)
        for workload in workloads where !takers(of: workload).isEmpty {
            try finished(measure(workload, &progress))
        }
    }

    private func measure(_ workload: Workload, _ progress: inout Progress) -> WorkloadResult {
        let takers = takers(of: workload)
        var results = takers.map { PeerResult(peer: $0.id, title: $0.title) }
        let rounds = rounds(of: workload)
        for round in 1...rounds {
            for (index, peer) in takers.enumerated() where results[index].failure == nil {
                var outcome: String
                do {
                    let values = try workload.measure(peer.commands[workload.role]!, duration)
                    results[index].rounds.append(values)
                    let metric = workload.metrics[0]
                    outcome = "\(metric.text(values[metric.key] ?? .nan)) \(metric.unit)"
                } catch {
                    // One peer's trouble leaves the others' figures good; it is told in the report.
                    results[index].failure = "\(error)"
                    outcome = "FAILED: \(error)"
                }
                progress.step(
                    "\(workload.id) \(round)/\(rounds) \(peer.id): \(outcome)")
            }
        }
        return WorkloadResult(
            workload: workload.id, title: workload.title, meaning: workload.meaning,
            metrics: workload.metrics, duration: duration, peers: results)
    }
}
