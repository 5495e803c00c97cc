import Foundation

/// A peer's server while it is measured: pinned to the first core, ready once this is made.
final class Server {
    static let startLimit = 15.0
    private let child: Child
    let transport: Transport
    let address: String

    /// - Parameters:
    ///   - transport: how it is reached.
    ///   - backend: where a proxy connects to.
    init(
        _ command: [String], over transport: Transport = .tcp, backend: String? = nil,
        cpu: Int? = Cores.server
    ) throws {
        let place = transport == .unix ? Self.freshPath() : "127.0.0.1:0"
        self.transport = transport
        var words = command + ["--\(transport)", place]
        if let backend { words += ["--to", backend] }
        child = try Child(words, cpu: cpu)
        try child.wait(for: "\nready\n", limit: Self.startLimit)
        let announcement = "listening on \(transport) "
        let line = child.text.split(separator: "\n").first { $0.hasPrefix(announcement) }
        guard let line else { throw child.failure("did not say where it listens") }
        address = String(line.dropFirst(announcement.count))
    }

    /// Where no socket is yet: a server that was killed leaves its own behind.
    private static func freshPath() -> String {
        let number = UInt64.random(in: 0...UInt64.max)
        return FileManager.default.temporaryDirectory
            .appending(path: "heddle-\(String(number, radix: 36)).sock").path
    }

    var identifier: Int32 { child.identifier }

    func stop() throws { try child.stop() }

    /// What the scheduler gave to each thread so far, in nanoseconds.
    var cpuByThread: [Double] {
        let folder = "/proc/\(identifier)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return threads.compactMap { thread in
            let text = try? String(contentsOfFile: "\(folder)/\(thread)/schedstat", encoding: .utf8)
            return text?.split(separator: " ").first.flatMap { Double($0) }
        }
    }

    /// What only this process keeps in memory, in bytes, swapped out or not.
    var privateBytes: Double {
        get throws {
            let path = "/proc/\(identifier)/smaps_rollup"
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw Failed("\(path): cannot be read")
            }
            let counted = text.split(separator: "\n").filter {
                $0.hasPrefix("Private_Dirty:") || $0.hasPrefix("Swap:")
            }
            return counted.reduce(0) { sum, line in
                sum + (Double(line.split(separator: " ")[1]) ?? 0) * 1024
            }
        }
    }
}

/// How a server is reached: the name of its option, and of its announcement.
enum Transport: Sendable { case tcp, udp, unix }

/// Which core does what.
enum Cores {
    static let server = 0
    static let load = 1
}
