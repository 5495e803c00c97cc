import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct FileSystemTests {
        @Test func `folders are made, with those above them, and removed when empty`() async throws
        {
            try await withTestFolder { loop, folder in
                let deep = folder.appending("a/b/c")
                await #expect(throws: IOError.self) { try await loop.files.createDirectory(deep) }
                try await loop.files.createDirectory(deep, withParents: true)
                try await loop.files.createDirectory(deep, withParents: true)
                #expect(Disk.names(in: folder.appending("a/b")) == ["c"])
                let error = await #expect(throws: IOError.self) {
                    try await loop.files.remove(folder.appending("a"))
                }
                #expect(error?.code == .notEmpty)
                try await loop.files.remove(deep)
                #expect(Disk.names(in: folder.appending("a/b")) == [])
                Disk.write("x", to: deep)
                let taken = await #expect(throws: IOError.self) {
                    try await loop.files.createDirectory(deep, withParents: true)
                }
                #expect(taken?.code == .alreadyExists)
            }
        }

        @Test func `renaming replaces, or refuses to`() async throws {
            try await withTestFolder { loop, folder in
                let (old, new) = (folder.appending("old"), folder.appending("new"))
                Disk.write("old", to: old)
                Disk.write("new", to: new)
                let error = await #expect(throws: IOError.self) {
                    try await loop.files.rename(old, to: new, replacing: false)
                }
                #expect(error?.code == .alreadyExists)
                #expect(error?.description.hasPrefix("rename \(old) to \(new): ") == true)
                try await loop.files.rename(old, to: new)
                #expect(Disk.names(in: folder) == ["new"])
                #expect(Disk.bytes(of: new) == Array("old".utf8))
                try await loop.files.rename(new, to: old, replacing: false)
                #expect(Disk.names(in: folder) == ["old"])
            }
        }

        @Test func `links of both kinds`() async throws {
            try await withTestFolder { loop, folder in
                let file = folder.appending("file")
                Disk.write("linked", to: file)
                let (soft, hard) = (folder.appending("soft"), folder.appending("hard"))
                try await loop.files.createSymbolicLink(at: soft, to: "file")
                try await loop.files.createLink(at: hard, to: file)
                #expect(try await loop.files.destination(ofSymbolicLink: soft) == "file")
                #expect(try await loop.files.read(soft) == "linked")
                #expect(try await loop.files.status(of: soft).type == .regular)
                let link = try await loop.files.status(of: soft, followingLink: false)
                #expect(link.type == .symbolicLink)
                #expect(try await loop.files.status(of: hard).linkCount == 2)
                try await loop.files.remove(soft)
                #expect(Disk.names(in: folder) == ["file", "hard"])
                let error = await #expect(throws: IOError.self) {
                    _ = try await loop.files.destination(ofSymbolicLink: file)
                }
                #expect(error?.code == .invalidArgument)
            }
        }

        // MARK: Replacing

        @Test func `a file is replaced in one step and keeps its permissions`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending(String(repeating: "n", count: 255))
                try await loop.files.replace(path, with: "first")
                try await loop.files.setPermissions([.ownerReadWrite, .groupRead], of: path)
                let reader = try await File.open(path, on: loop)
                try await loop.files.replace(path, with: "second, longer", synchronizing: false)
                #expect(try await reader.read(upTo: 100) == "first")
                #expect(try await loop.files.read(path) == "second, longer")
                let status = try await loop.files.status(of: path)
                #expect(status.permissions == [.ownerReadWrite, .groupRead])
                #expect(Disk.names(in: folder).count == 1)
            }
        }

        @Test func `readers see old or new contents, never a part`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                try await loop.files.replace(path, with: "0", synchronizing: false)
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask {
                        for number in 1...50 {
                            let text = String(repeating: "\(number % 10)", count: number * 1000)
                            try await loop.files.replace(path, with: text, synchronizing: false)
                        }
                    }
                    for _ in 0..<4 {
                        group.addTask {
                            for _ in 0..<50 {
                                let bytes = try await loop.files.read(path)
                                let first = try #require(bytes.first)
                                let whole = [UInt8](repeating: first, count: bytes.count)
                                #expect(bytes == Bytes(whole))
                                #expect(bytes.count == 1 || bytes.count % 1000 == 0)
                            }
                        }
                    }
                }
            }
        }

        // MARK: Copying

        @Test func `a copy has the bytes and the permissions`() async throws {
            try await withTestFolder { loop, folder in
                let (source, target) = (folder.appending("a"), folder.appending("b"))
                let text = String(repeating: "copy ", count: 100_000)
                Disk.write(text, to: source)
                try await loop.files.setPermissions([.ownerReadWriteExecute], of: source)
                #expect(try await loop.files.copy(source, to: target) == 500_000)
                #expect(Disk.bytes(of: target) == Array(text.utf8))
                let permissions = try await loop.files.status(of: target).permissions
                #expect(permissions == [.ownerReadWriteExecute])
                let error = await #expect(throws: IOError.self) {
                    try await loop.files.copy(source, to: target)
                }
                #expect(error?.code == .alreadyExists)
                Disk.write("changed", to: source)
                #expect(try await loop.files.copy(source, to: target, replacing: true) == 7)
                #expect(try await loop.files.copy(target, to: target, replacing: true) == 7)
                #expect(Disk.bytes(of: target) == Array("changed".utf8))
                #expect(Disk.names(in: folder) == ["a", "b"])
            }
        }

        @Test func `a file that is made as it is read, in another file system, is copied too`()
            async throws
        {
            try await withTestFolder { loop, folder in
                let copy = folder.appending("version")
                try await loop.files.copy("/proc/version", to: copy)
                #expect(Disk.bytes(of: copy) == Disk.bytes(of: "/proc/version"))
            }
        }

        @Test func `a cancelled copy leaves nothing, or all`() async throws {
            try await withTestFolder { loop, folder in
                let (source, target) = (folder.appending("a"), folder.appending("b"))
                let text = String(repeating: "x", count: 1 << 20)
                Disk.write(text, to: source)
                for turns in 0..<TestScale.times(40, full: 1000) {
                    let copy = loop.task {
                        try await loop.files.copy(source, to: target, replacing: true)
                    }
                    for _ in 0..<turns { await Task.yield() }
                    copy.cancel()
                    _ = await copy.result
                    // What was begun for nobody is taken back a moment later.
                    try await waiting {
                        while Disk.names(in: folder).contains(where: { $0 != "a" && $0 != "b" }) {
                            try await loop.clock.sleep(for: .milliseconds(1))
                        }
                    }
                    if let bytes = Disk.bytes(of: target) {
                        #expect(bytes.count == text.utf8.count)
                    }
                }
            }
        }

        // MARK: Temporary files

        @Test func `a temporary file has no name`() async throws {
            try await withTestFolder { loop, folder in
                let file = try await loop.files.openTemporaryFile(in: folder)
                try await file.write("secret", at: 0)
                #expect(try await file.read(upTo: 10) == "secret")
                #expect(Disk.names(in: folder) == [])
                #expect(try await file.status().linkCount == 0)
                let usual = try await loop.files.openTemporaryFile()
                #expect(usual.path == FileSystem.temporaryDirectory)
            }
        }

        @Test func `a temporary folder goes with its body, however that ends`() async throws {
            try await withTestFolder { loop, folder in
                struct Failed: Error {}
                try await loop.files.withTemporaryDirectory(in: folder) { inner in
                    let status = try await loop.files.status(of: inner)
                    #expect(status.permissions == [.ownerReadWriteExecute])
                    Disk.write("x", to: inner.appending("file"))
                }
                await #expect(throws: Failed.self) {
                    try await loop.files.withTemporaryDirectory(in: folder) { inner in
                        try await loop.files.createDirectory(
                            inner.appending("a/b"), withParents: true)
                        throw Failed()
                    }
                }
                let started = Signal()
                let task = loop.task {
                    try await loop.files.withTemporaryDirectory(in: folder) { inner in
                        Disk.write("x", to: inner.appending("file"))
                        started.fire()
                        try await Signal().wait()
                    }
                }
                try await started.wait()
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
                try await loop.files.withTemporaryDirectory(in: folder) { inner in
                    try await loop.files.remove(inner)
                }
                #expect(Disk.names(in: folder) == [])
            }
        }
    }
}
