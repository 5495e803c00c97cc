import TestSupport
import Testing

/// The rooms of Sources/Heddle and the arrows between them: code of a room mentions types and functions
/// of its own room and of those below it alone. Comments may mention anything.
@Suite(.alone)
struct LayeringTests {
    /// Which rooms each room may use.
    static let allowed: [String: Set<String>] = [
        "Bytes": [],
        "UV": ["Bytes"],
        "Loop": ["Bytes", "UV"],
        "Streams": ["Bytes", "UV", "Loop"],
        "Net": ["Bytes", "UV", "Loop", "Streams"],
        "Runtime": ["Bytes", "UV", "Loop"],
        "System": ["Bytes", "UV", "Loop", "Streams", "Net", "Runtime"],
        "Server": ["Bytes", "UV", "Loop", "Streams", "Net", "Runtime"],
    ]

    static func room(of file: SourceFile) -> String {
        String(file.path.split(separator: "/")[2])
    }

    @Test func `every source of Heddle lies in a room`() throws {
        for file in try Repository.swiftFiles(under: "Sources/Heddle") {
            #expect(Self.allowed[Self.room(of: file)] != nil, "\(file.path): no such room")
        }
    }

    @Test func `no room mentions what a higher room declares`() throws {
        let files = try Repository.swiftFiles(under: "Sources/Heddle")
        var rooms: [String: String] = [:]
        for file in files {
            for declaration in file.topLevel where declaration.keyword != "extension" {
                rooms[declaration.name] = Self.room(of: file)
            }
        }
        #expect(rooms["EventLoop"] == "Loop" && rooms["withTimeout"] == "Loop")
        for file in files {
            let room = Self.room(of: file)
            let below = Self.allowed[room, default: []].union([room])
            for line in file.code.indices {
                for word in file.code[line].matches(of: /(\.?)\b([A-Za-z_]\w*)/) {
                    // A member has the name by chance; the type it belongs to is what counts.
                    guard word.1.isEmpty, let owner = rooms[String(word.2)], !below.contains(owner)
                    else { continue }
                    Issue.record("\(file.place(line)): \(room) mentions \(word.2) of \(owner)")
                }
            }
        }
    }

    @Test func `C is imported by the room UV alone`() throws {
        for file in try Repository.swiftFiles(under: "Sources")
            + Repository.swiftFiles(under: "Tests")
        {
            guard !file.path.hasPrefix("Sources/Heddle/UV/") else { continue }
            for line in file.lines(matching: /\bimport\s+(CLibuv|CHeddle)\b/) {
                Issue.record("\(file.place(line)): imports a module of C")
            }
        }
    }

    @Test func `Heddle imports the C library, the standard library and swift-system, nothing else`()
        throws
    {
        let known: Set = ["CHeddle", "CLibuv", "Glibc", "Synchronization", "SystemPackage"]
        for file in try Repository.swiftFiles(under: "Sources/Heddle") {
            for line in file.code.indices {
                guard let match = file.code[line].firstMatch(of: /\bimport\s+(\w+)/) else {
                    continue
                }
                #expect(known.contains(String(match.1)), "\(file.place(line)): imports \(match.1)")
            }
        }
    }

    @Test func `samples import Heddle, and the C library and swift-system at most`() throws {
        for file in try Repository.swiftFiles(under: "Sources/Samples") {
            let imports = file.code.compactMap { $0.firstMatch(of: /^\s*import\s+(\w+)/)?.1 }
            #expect(
                Set(imports).subtracting(["Glibc", "SystemPackage"]) == ["Heddle"], "\(file.path)")
        }
    }
}
