import ArgumentParser
import Foundation

/// `compare`: how fast is Heddle next to what one would pick instead?
@main
struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Measures Heddle beside its peers and writes a report.",
        subcommands: [RunCommand.self, PublishCommand.self],
        defaultSubcommand: RunCommand.self)
}

/// `compare run`, the default.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract:
            "Runs workloads in interleaved rounds, the server on core 0 and the load on core 1.",
        discussion: """
            Writes results.json, README.md and a chart for each workload. What the folder holds of other \
            workloads stays, so that a run may be made in parts.
            """)

    @Option(help: "A workload to measure; may be given several times. (default: all; see --list)")
    var workload: [String] = []

    @Option(help: "A peer to measure; may be given several times. (default: all; see --list)")
    var peer: [String] = []

    @Option(
        help: ArgumentHelp(
            "An echo server besides, for example another build; may be given several times. It gets --tcp.",
            valueName: "name=command"))
    var server: [String] = []

    @Option(help: "How often each peer is measured. (default: 10; quick: 2)")
    var rounds: Int?

    @Option(help: "Seconds of load in each measurement. (default: 0.5; quick: 0.1)")
    var duration: Double?

    @Flag(help: "A subset, in less than two minutes once everything is built.")
    var quick = false

    @Flag(help: "List workloads and peers, and which can do what, and end.")
    var list = false

    @Option(help: "The folder for the results. (default: results/<date> beside this package)")
    var output: String?

    @Flag(help: "Take what is built as it is.")
    var skipBuild = false

    func validate() throws {
        try check(workload, Workloads.all.map(\.id), "workload")
        try check(peer, Catalogue.peers.map(\.id), "peer")
        guard server.allSatisfy({ Peer(server: $0) != nil }) else {
            throw ValidationError("--server takes NAME=COMMAND")
        }
        guard (rounds ?? 1) > 0, (duration ?? 1) > 0 else {
            throw ValidationError("--rounds and --duration must be more than zero")
        }
    }

    private func check(_ names: [String], _ known: [String], _ kind: String) throws {
        for name in names where !known.contains(name) {
            throw ValidationError(
                "no \(kind) '\(name)'; there are \(known.joined(separator: ", "))")
        }
    }

    private var workloads: [Workload] {
        guard workload.isEmpty else { return Workloads.all.filter { workload.contains($0.id) } }
        return quick ? Workloads.all.filter(\.isQuick) : Workloads.all
    }

    private var folder: URL {
        if let output { return URL(filePath: output) }
        let day = Date().formatted(.iso8601.year().month().day())
        return Tools.root.appending(path: "results/\(day)\(quick ? "-quick" : "")")
    }

    func run() throws {
        let remarks = try Remarks()
        if list { return print(Text.list(Workloads.all, Catalogue.peers)) }
        guard ProcessInfo.processInfo.activeProcessorCount > Cores.load else {
            throw ValidationError("two cores are needed: one for the server, one for the load")
        }
        Self.raiseDescriptorLimit()
        let wanted =
            Catalogue.peers.filter { peer.isEmpty || peer.contains($0.id) }
            + server.compactMap(Peer.init(server:))
        let builder = try Builder(wanted, skipsBuilding: skipBuild)
        for line in builder.missing { Progress.say("missing, skipped: \(line)") }
        let run = Run(
            workloads: workloads, peers: builder.found, rounds: rounds ?? (quick ? 2 : 10),
            duration: duration ?? (quick ? 0.1 : 0.5))
        let folder = folder
        var results = try Results.read(from: folder) ?? Results(missing: builder.missing)
        results.machine = .current()
        results.missing = builder.missing
        var hasFailed = false
        try run.measure { result in
            results.replace(result, order: Workloads.all.map(\.id))
            try results.write(to: folder)
            try Report(results, remarks).write(to: folder)
            // Not buffered: it must not come amid the progress of what follows.
            FileHandle.standardOutput.write(Data(Text.table(result).utf8))
            hasFailed = hasFailed || result.peers.contains { $0.failure != nil }
        }
        print("written: \(folder.path)/README.md and \(Results.fileName)")
        if hasFailed { throw ExitCode.failure }
    }

    /// Servers and the load inherit it; 15,000 connections need more than the usual 1,024.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
