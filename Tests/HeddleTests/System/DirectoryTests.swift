import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct DirectoryTests {
        /// Makes files by their paths, and the folders they lie in.
        private static func make(_ paths: [String], in folder: FilePath, on loop: EventLoop)
            async throws
        {
            for path in paths {
                let file = folder.appending(path)
                try await loop.files.createDirectory(
                    file.removingLastComponent(), withParents: true)
                Disk.write(path, to: file)
            }
        }

        @Test func `a folder's entries have names, paths and kinds`() async throws {
            try await withTestFolder { loop, folder in
                try await Self.make(["file", "folder/inner", "ümlaut \u{7}"], in: folder, on: loop)
                try await loop.files.createSymbolicLink(at: folder.appending("link"), to: "folder")
                #expect(mkfifo(folder.appending("pipe").string, 0o600) == 0)
                var found: [String: FileType] = [:]
                for try await entry in loop.files.entries(of: folder) {
                    found[entry.name] = entry.type
                    #expect(entry.path == folder.appending(entry.name))
                    #expect(entry.depth == 0)
                }
                #expect(
                    found == [
                        "file": .regular, "folder": .directory, "ümlaut \u{7}": .regular,
                        "link": .symbolicLink, "pipe": .fifo,
                    ])
            }
        }

        @Test func `a folder of many batches is listed once each, and an empty one is empty`()
            async throws
        {
            try await withTestFolder { loop, folder in
                let names = (0..<1000).map { "a file with a long name, number \($0)" }
                for name in names { close(open("\(folder)/\(name)", O_CREAT | O_WRONLY, 0o600)) }
                var found: [String] = []
                for try await entry in loop.files.entries(of: folder) { found.append(entry.name) }
                #expect(found.sorted() == names.sorted())
                try await loop.files.withTemporaryDirectory { empty in
                    for try await entry in loop.files.entries(of: empty) {
                        Issue.record("\(entry) in an empty folder")
                    }
                }
            }
        }

        @Test func `names that are not UTF-8 are found, opened and removed`() async throws {
            try await withTestFolder { loop, folder in
                let name: [CChar] = [0x66, -1, -2, 0]
                let path = folder.appending(FilePath.Component(platformString: name)!)
                try await loop.files.replace(path, with: "x")
                for try await entry in loop.files.entries(of: folder) {
                    #expect(entry.path == path)
                    #expect(try await loop.files.read(entry.path) == "x")
                }
                try await loop.files.removeTree(path)
                #expect(Disk.names(in: folder) == [])
            }
        }

        @Test func `a walk finds everything, folders first, and follows no links`() async throws {
            try await withTestFolder { loop, folder in
                try await Self.make(["a/b/c/file", "a/file", "d/file"], in: folder, on: loop)
                try await loop.files.createSymbolicLink(at: folder.appending("a/up"), to: "..")
                var found: [String] = []
                for try await entry in loop.files.walk(folder) {
                    let name = String(entry.path.string.dropFirst(folder.length + 1))
                    let above = entry.path.removingLastComponent()
                    #expect(
                        above == folder
                            || found.contains(String(above.string.dropFirst(folder.length + 1))))
                    #expect(entry.depth == name.count { $0 == "/" })
                    found.append(name)
                }
                #expect(
                    found.sorted() == [
                        "a", "a/b", "a/b/c", "a/b/c/file", "a/file", "a/up", "d", "d/file",
                    ])
                try await Disk.waitUntilClosed(folder, on: loop)
            }
        }

        @Test func `a walk goes only into what it is told to`() async throws {
            try await withTestFolder { loop, folder in
                try await Self.make(["a/b/file", "c/file"], in: folder, on: loop)
                var found: [String] = []
                for try await entry in loop.files.walk(folder, descends: { $0.name != "b" }) {
                    found.append(entry.name)
                }
                #expect(found.sorted() == ["a", "b", "c", "file"])
            }
        }

        @Test func `folders that are too deep are an error, and the walk is over`() async throws {
            try await withTestFolder { loop, folder in
                let steps = Array(repeating: "d", count: FileSystem.maximumDepth + 1)
                let deep = folder.appending(steps.joined(separator: "/"))
                try await loop.files.createDirectory(deep, withParents: true)
                var walk = loop.files.walk(folder).makeAsyncIterator()
                let error = await #expect(throws: IOError.self) {
                    while try await walk.next() != nil {}
                }
                #expect(error?.code == .limitExceeded)
                #expect(try await walk.next() == nil)
                let removal = await #expect(throws: IOError.self) {
                    try await loop.files.removeTree(folder.appending("d"))
                }
                #expect(removal?.code == .limitExceeded)
                // For the folder's own removal to succeed.
                try await loop.files.removeTree(folder.appending("d/d/d"))
            }
        }

        @Test func `a tree of many files is removed, and links out of it are not followed`()
            async throws
        {
            try await withTestFolder { loop, folder in
                let tree = folder.appending("tree")
                try await Self.make(
                    (0..<700).map { "tree/\($0 % 7)/\($0 % 3)/\($0)" } + ["kept/file"], in: folder,
                    on: loop)
                try await loop.files.createSymbolicLink(
                    at: tree.appending("link"), to: folder.appending("kept"))
                try await loop.files.removeTree(tree)
                #expect(Disk.names(in: folder) == ["kept"])
                #expect(Disk.names(in: folder.appending("kept")) == ["file"])
                try await loop.files.removeTree(folder.appending("kept/file"))
                #expect(Disk.names(in: folder.appending("kept")) == [])
            }
        }

        @Test func `an iteration that is left half-way closes its folders`() async throws {
            try await withTestFolder { loop, folder in
                try await Self.make(["a/b/file", "c"], in: folder, on: loop)
                for try await _ in loop.files.walk(folder) { break }
                for try await _ in loop.files.entries(of: folder) { break }
                try await Disk.waitUntilClosed(folder, on: loop)
            }
        }
    }
}
