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
        try make("Load")
        var reasons: [String: String?] = [:]
        if !skipsBuilding, peers.contains(where: { $0.recipe == .package }) { try buildPackage() }
        for peer in peers {
            let reason: String?
            switch peer.recipe {
            case .package:
                reason = nil
            case .script(let tools, let files, let package):
                reason = Self.lacking(tools, files, package)
            case .make(let folder, let tools, let files, let package):
                let known = reasons[folder]
                reason = known ?? (Self.lacking(tools, files, package) ?? tryMake(folder))
                reasons.updateValue(reason, forKey: folder)
            }
            if let reason { missing.append("\(peer.title): \(reason)") } else { found.append(peer) }
        }
    }

    private static func lacking(_ tools: [String], _ files: [String], _ package: String) -> String? {
        let lost = tools.filter { !Tools.hasCommand($0) } + files.filter { !Tools.exists($0) }
        return lost.isEmpty ? nil : "no \(lost.joined(separator: ", ")) (Debian: \(package))"
    }

    private func tryMake(_ folder: String) -> String? {
        do {
            try make("Peers/\(folder)")
            return nil
        } catch {
            return "does not build: \(error)"
        }
    }

    private func make(_ folder: String) throws {
        if skipsBuilding { return }
        Progress.say("building \(folder)")
        try Child(["make", "-s", "-C", Tools.source(folder)]).result(limit: 600)
    }

    private func buildPackage() throws {
        Progress.say("building Heddle, SwiftNIO and FlyingFox peers")
        let words = ["swift", "build", "-c", "release", "--package-path", Tools.root.path]
        try Child(words).result(limit: 1800)
    }
}
