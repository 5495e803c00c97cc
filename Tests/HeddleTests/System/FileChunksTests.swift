import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct FileChunksTests {
        private static func text(_ count: Int) -> String {
            String((0..<count).map { Character(UnicodeScalar(UInt8(97 + $0 % 26))) })
        }

        @Test(arguments: [(1000, 100, 2), (1001, 100, 0), (999, 100, 16), (5, 100, 2), (64, 1, 3)])
        func `the chunks are the file`(count: Int, chunk: Int, ahead: Int) async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                Disk.write(Self.text(count), to: path)
                let file = try await File.open(path, on: loop)
                var found: [Bytes] = []
                for try await bytes in file.chunks(ofBytes: chunk, readAhead: ahead) {
                    found.append(bytes)
                }
                #expect(found.dropLast().allSatisfy { $0.count == chunk })
                #expect(String(Bytes(joining: found)) == Self.text(count))
            }
        }

        @Test func `chunks begin where they are asked to, and an empty rest has none`() async throws
        {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                Disk.write("0123456789", to: path)
                let file = try await File.open(path, on: loop)
                var found = ""
                for try await bytes in file.chunks(ofBytes: 4, from: 3) {
                    found += String(bytes) + "|"
                }
                #expect(found == "3456|789|")
                for try await bytes in file.chunks(from: 10) { Issue.record("\(bytes) at the end") }
            }
        }

        @Test func `chunks are read ahead while one is used`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                Disk.write(Self.text(1000), to: path)
                let file = try await File.open(path, .readingAndWriting, on: loop)
                let chunks = file.chunks(ofBytes: 100, readAhead: 2).makeAsyncIterator()
                #expect(try await chunks.next()?.count == 100)
                // The two behind it have been read, or are about to be, whatever is written now.
                while loop.core.poolShare.takenCount > 0 { await Task.yield() }
                try await file.write(String(repeating: "-", count: 1000), at: 0)
                #expect(String(try await chunks.next() ?? "") == String(Self.text(200).suffix(100)))
                #expect(String(try await chunks.next() ?? "") == String(Self.text(300).suffix(100)))
                _ = try await chunks.next()
                #expect(try await chunks.next().map { String($0) }?.first == "-")
            }
        }

        @Test func `cancelling a wait for a chunk loses no byte`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                Disk.write(Self.text(5000), to: path)
                let file = try await File.open(path, on: loop)
                let chunks = file.chunks(ofBytes: 100, readAhead: 2).makeAsyncIterator()
                var found: [Bytes] = []
                var isOver = false
                var round = 0
                while !isOver {
                    round += 1
                    let turns = round % 4
                    let next = loop.task { try await chunks.next() }
                    for _ in 0..<turns { await Task.yield() }
                    if round % 2 == 0 { next.cancel() }
                    do {
                        guard let bytes = try await next.value else { break }
                        found.append(bytes)
                    } catch is CancellationError {
                        isOver = round > 1000
                    }
                }
                #expect(String(Bytes(joining: found)) == Self.text(5000))
            }
        }

        @Test func `a pass over a file that is closed ends with that error`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                Disk.write(Self.text(1000), to: path)
                let file = try await File.open(path, on: loop)
                let chunks = file.chunks(ofBytes: 10, readAhead: 0).makeAsyncIterator()
                #expect(try await chunks.next() != nil)
                try await file.close()
                let error = await #expect(throws: IOError.self) { _ = try await chunks.next() }
                #expect(error?.code == .closed)
            }
        }

        @Test func `chunks are read from another loop, and a pass keeps its file open`()
            async throws
        {
            try await withTestRuntime(threads: 2) { runtime in
                try await runtime.loops[0].files.withTemporaryDirectory { folder in
                    let path = folder.appending("file")
                    Disk.write(Self.text(1000), to: path)
                    let chunks = try await File.open(path, on: runtime.loops[0])
                        .chunks(ofBytes: 300).makeAsyncIterator()
                    let sizes = try await runtime.loops[1].task {
                        var sizes: [Int] = []
                        while let bytes = try await chunks.next() { sizes.append(bytes.count) }
                        return sizes
                    }.value
                    #expect(sizes == [300, 300, 300, 100])
                }
            }
        }
    }
}
