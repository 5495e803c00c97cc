import Heddle
import SystemPackage
import Testing

/// The code of the articles that is about files.
extension DocumentationTests {
    private func withFolder(
        _ body: @escaping @Sendable (EventLoop, FilePath) async throws -> Void
    ) async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            try await loop.files.withTemporaryDirectory { folder in try await body(loop, folder) }
        }
    }

    @Test func `files: an open file`() async throws {
        try await withFolder { loop, folder in
            let log = try await File.open(folder.appending("log"), .appending, on: loop)
            try await log.append("started\n")
            try await log.synchronize(metadata: false)
            try await log.close()

            let settings = FileOptions(.readingAndWriting, .mustCreate)
            let file = try await File.open(folder.appending("data"), settings, on: loop)
            try await file.write("0123456789", at: 0)
            let middle = try await file.read(upTo: 4, at: 3)
            #expect(middle == "3456")
            #expect(try await loop.files.read(folder.appending("log")) == "started\n")
        }
    }

    @Test func `files: paths`() async throws {
        try await withFolder { loop, folder in
            try await loop.files.createDirectory(folder.appending("a/b"), withParents: true)
            // Others see the old contents or the new ones, never a part.
            try await loop.files.replace(folder.appending("settings"), with: "depth = 3\n")
            try await loop.files.copy(folder.appending("settings"), to: folder.appending("backup"))
            try await loop.files.withTemporaryDirectory { scratch in
                try await loop.files.copy(folder.appending("backup"), to: scratch.appending("work"))
            }
            for try await entry in loop.files.entries(of: folder) where entry.type == .directory {
                try await loop.files.removeTree(entry.path)
            }
            var left: [String] = []
            for try await entry in loop.files.entries(of: folder) { left.append(entry.name) }
            #expect(left.sorted() == ["backup", "settings"])
        }
    }
}
