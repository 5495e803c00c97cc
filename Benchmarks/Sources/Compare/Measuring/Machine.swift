import Foundation

/// The machine and the versions of what was compared.
struct Machine: Codable {
    let processor: String
    let cores: Int
    let kernel: String
    let versions: [String: String]

    static func current() -> Machine {
        let cpuinfo = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = cpuinfo.split(separator: "\n").first { $0.hasPrefix("model name") }
        let processor = model?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces)
        var versions: [String: String] = [:]
        let commands: [(String, [String])] = [
            ("heddle", ["git", "-C", Tools.root.path, "describe", "--always", "--dirty"]),
            ("swift", ["swift", "--version"]),
            ("gcc", ["gcc", "-dumpfullversion"]),
            ("libuv", ["pkg-config", "--modversion", "libuv"]),
            ("rustc", ["rustc", "--version"]),
            ("tokio", ["dpkg-query", "-W", "-f", "${Version}", "librust-tokio-dev"]),
            ("go", ["go", "version"]),
            ("asio", ["dpkg-query", "-W", "-f", "${Version}", "libasio-dev"]),
            ("uvloop", ["dpkg-query", "-W", "-f", "${Version}", "python3-uvloop"]),
            ("node", ["node", "--version"]),
        ]
        for (name, command) in commands {
            guard let text = try? Child(command).result(limit: 30) else { continue }
            // Some say their name first, and more than their version after it.
            versions[name] = text.split(separator: "\n").first?.split(separator: " ").first {
                word in
                word.contains(where: \.isNumber)
            }.map(String.init)
        }
        return Machine(
            processor: processor ?? "unknown processor",
            cores: ProcessInfo.processInfo.processorCount,
            kernel: (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8))?
                .trimmingCharacters(in: .whitespacesAndNewlines) ?? "",
            versions: versions)
    }
}
