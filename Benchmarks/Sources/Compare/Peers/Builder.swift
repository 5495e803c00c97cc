import Foundation

/// Builds what is needed and finds out which peers are there.
struct Builder {
    /// The peers that can be measured.
    private(set) var found: [Peer] = []
    /// Why the others cannot.
    private(set) var missing: [String] = []
    private let skipsBuilding: Bool

    /// - Parameter skipsBuilding: what is built is taken as it is.
    init(_ peers: [Peer], skipsBuilding: Bool) throws {
        self.skipsBuilding = skipsBuilding
        if !skipsBuilding { try make("Load") }
        if !skipsBuilding, peers.contains(where: { $0.recipe == .package }) { try buildPackage() }
        // Folders that were tried, and what came of it.
        var outcomes: [String: String?] = [:]
        for peer in peers {
            if let reason = reason(against: peer, &outcomes) {
                missing.append("\(peer.title): \(reason)")
            } else {
                found.append(peer)
            }
        }
    }

    /// Why a peer cannot be measured, if so.
    private func reason(against peer: Peer, _ outcomes: inout [String: String?]) -> String? {
        switch peer.recipe {
        case .package:
            return nil
        case .script(let tools, let files, let package):
            return Self.lacking(tools, files, package)
        case .make(let folder, let tools, let files, let package):
            if let outcome = outcomes[folder] { return outcome ?? unbuilt(peer) }
            let outcome = Self.lacking(tools, files, package) ?? tryMake(folder)
            outcomes.updateValue(outcome, forKey: folder)
            return outcome ?? unbuilt(peer)
        }
    }

    /// When building is skipped, a program may not be there.
    private func unbuilt(_ peer: Peer) -> String? {
        guard let program = peer.commands.values.first?.first, !Tools.exists(program) else {
            return nil
        }
        return "not built"
    }

    private static func lacking(_ tools: [String], _ files: [String], _ package: String) -> String?
    {
        let lost = tools.filter { !Tools.hasCommand($0) } + files.filter { !Tools.exists($0) }
        return lost.isEmpty ? nil : "no \(lost.joined(separator: ", ")) (Debian: \(package))"
    }

    private func tryMake(_ folder: String) -> String? {
        if skipsBuilding { return nil }
        do {
            try make("Peers/\(folder)")
            return nil
        } catch {
            return "does not build: \(error)"
        }
    }

    private func make(_ folder: String) throws {
        Progress.say("building \(folder)")
        try Child(["make", "-s", "-C", Tools.source(folder)]).result(limit: 600)
    }

    private func buildPackage() throws {
        Progress.say("building Heddle, SwiftNIO and FlyingFox peers")
        let words = ["swift", "build", "-c", "release", "--package-path", Tools.root.path]
        try Child(words).result(limit: 1800)
    }
}
