import Foundation

/// Something measured: what it is called and how it is written.
struct Metric: Codable, Sendable {
    let key, name, unit: String
    var digits = 0
    var higherIsBetter = false

    /// For the head of a column.
    var heading: String { unit.isEmpty ? name : "\(name), \(unit)" }

    func text(_ value: Double) -> String { value.grouped(digits: digits) }
}

extension Double {
    /// With a comma at each thousand.
    func grouped(digits: Int) -> String {
        let text = String(format: "%.\(digits)f", abs(self))
        let parts = text.split(separator: ".")
        var whole = ""
        for (index, digit) in parts[0].enumerated() {
            if index > 0, (parts[0].count - index) % 3 == 0 { whole.append(",") }
            whole.append(digit)
        }
        let sign = self < 0 ? "-" : ""
        return sign + whole + (parts.count > 1 ? "." + parts[1] : "")
    }
}

/// What was measured of one peer in one workload, by round. A round that failed ends the list.
struct PeerResult: Codable {
    let peer: String
    let title: String
    var rounds: [[String: Double]] = []
    var failure: String?

    func values(_ metric: Metric) -> [Double] { rounds.compactMap { $0[metric.key] } }

    func summary(_ metric: Metric) -> Summary? {
        let values = values(metric)
        return values.isEmpty ? nil : Summary(values)
    }

    /// Round by round: neighbours in time are what can be compared on a machine that others share.
    func ratio(to other: PeerResult, _ metric: Metric) -> Summary? {
        let ratios = zip(rounds, other.rounds).compactMap { mine, theirs -> Double? in
            guard let mine = mine[metric.key], let theirs = theirs[metric.key], theirs > 0 else {
                return nil
            }
            return mine / theirs
        }
        return ratios.isEmpty ? nil : Summary(ratios)
    }
}

/// A workload with all its peers; the first metric is the one that counts.
struct WorkloadResult: Codable {
    let workload, title, meaning: String
    let metrics: [Metric]
    let duration: Double
    var peers: [PeerResult]

    var primary: Metric { metrics[0] }

    /// What the others are compared with: C on libuv, or the first there is.
    var reference: PeerResult? {
        let measured = peers.filter { !$0.rounds.isEmpty }
        return measured.first { $0.peer == Peer.reference } ?? measured.first
    }
}

/// A whole run, as it is stored.
struct Results: Codable {
    var date: String
    var command: String
    var machine: Machine
    var missing: [String]
    var workloads: [WorkloadResult]

    static let fileName = "results.json"

    /// Results with no workload in them yet.
    init(missing: [String]) {
        date = Date().formatted(.iso8601.year().month().day())
        command = CommandLine.arguments.dropFirst().joined(separator: " ")
        machine = .current()
        self.missing = missing
        workloads = []
    }

    /// Adds a workload in its place, instead of an earlier result of it.
    mutating func replace(_ result: WorkloadResult, order: [String]) {
        workloads.removeAll { $0.workload == result.workload }
        workloads.append(result)
        let places = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
        workloads.sort { places[$0.workload, default: 0] < places[$1.workload, default: 0] }
    }

    static func read(from folder: URL) throws -> Results? {
        let file = folder.appending(path: fileName)
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        return try JSONDecoder().decode(Results.self, from: Data(contentsOf: file))
    }

    func write(to folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(self).write(to: folder.appending(path: Self.fileName))
    }
}
