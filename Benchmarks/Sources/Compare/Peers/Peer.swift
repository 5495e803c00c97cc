/// What a program does for a workload; a peer names the command that does it.
enum Role: String, Codable, CaseIterable, Sendable {
    case echo, echoOnTwoLoops, lines, source, sink, proxy, udpEcho, unixEcho
    case timers, ticks, posts, hop, tasks, lifecycle, fileReads
}

/// Something to compare: a name, and commands for the roles it can take.
struct Peer: Sendable {
    /// What the others are measured against.
    static let reference = "c-libuv"

    let id: String
    let title: String
    /// How its programs are made, and what must be there for it.
    let recipe: Recipe
    let commands: [Role: [String]]

    /// Whose bars are drawn in the colour of this project.
    var isHeddle: Bool { id.hasPrefix("heddle") }
}

extension Peer {
    /// An echo server named on the command line: `NAME=COMMAND`.
    init?(server text: String) {
        guard let sign = text.firstIndex(of: "="), sign > text.startIndex else { return nil }
        let words = text[text.index(after: sign)...].split(separator: " ").map(String.init)
        guard !words.isEmpty else { return nil }
        let name = String(text[..<sign])
        self.init(
            id: name, title: name, recipe: .script(tools: [], package: ""),
            commands: [.echo: words])
    }
}

/// How the programs of a peer come to be.
enum Recipe: Sendable, Equatable {
    /// Built by this package.
    case package
    /// `make` in that folder, if the tools and files are there; else it is missing.
    case make(folder: String, tools: [String], files: [String] = [], package: String)
    /// Nothing to build: run by an interpreter.
    case script(tools: [String], files: [String] = [], package: String)
}
