import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct TreeRemovalTests {
        @Test func `a temporary folder takes with it what cancelled work still makes`()
            async throws
        {
            try await withTestFolder { loop, folder in
                for turns in 0..<TestScale.times(200, full: 5000) {
                    try await loop.files.withTemporaryDirectory(in: folder) { inner in
                        // One thread of the four is left for the removal.
                        let writes = (0..<3).map { number in
                            loop.task {
                                try await loop.files.replace(
                                    inner.appending("\(number)"), with: "x", synchronizing: false)
                            }
                        }
                        for _ in 0..<(turns % 10) { await Task.yield() }
                        for write in writes { write.cancel() }
                        for write in writes { _ = await write.result }
                    }
                    #expect(Disk.names(in: folder) == [])
                }
            }
        }

        @Test func `a folder that gets a new file for each that goes is removed`() async throws {
            // Fewer than end a removal.
            let fillings = TreeRemoval.maximumRefills / 2
            try await withTestFolder { loop, folder in
                for round in 0..<TestScale.times(50, full: 2000) {
                    let inner = folder.appending("\(round)/inner")
                    try await loop.files.createDirectory(inner, withParents: true)
                    let over = Signal()
                    // A removal that failed leaves a file that nobody takes away.
                    defer { over.fire() }
                    async let filled = loop.files.perform("fill", on: inner) {
                        for number in 0..<fillings {
                            let path = "\(inner)/\(number)"
                            let file = open(path, O_CREAT | O_WRONLY, 0o600)
                            guard file >= 0 else { return }
                            close(file)
                            while access(path, F_OK) == 0, !over.hasFired { sched_yield() }
                        }
                    }
                    try await loop.files.removeTree(folder.appending("\(round)"))
                    try await filled
                    #expect(Disk.names(in: folder) == [])
                }
            }
        }

        @Test func `a folder that is never empty is an error in the end`() {
            let removal = TreeRemoval(of: "/nowhere")
            let full = IOError(errno: ENOTEMPTY, "remove", on: "/nowhere")
            for _ in 0..<TreeRemoval.maximumRefills {
                #expect(throws: Never.self) {
                    let isGone = try removal.unlessRefilled { () throws(IOError) in throw full }
                    #expect(!isGone)
                }
            }
            let error = #expect(throws: IOError.self) {
                try removal.unlessRefilled { () throws(IOError) in throw full }
            }
            #expect(error?.code == .notEmpty)
        }
    }
}
