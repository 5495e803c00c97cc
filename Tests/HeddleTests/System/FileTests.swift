import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct FileTests {
        @Test func `what is written at offsets is read back, with zeros between`() async throws {
            // libuv: fs_file_async.
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                let file = try await File.open(path, .readingAndWriting, on: loop)
                try await file.write("end", at: 7)
                try await file.write("begin", at: 0)
                #expect(try await file.read(upTo: 5) == "begin")
                #expect(
                    try await file.read(upTo: 100, at: 3) == [0x69, 0x6E, 0, 0, 0x65, 0x6E, 0x64])
                #expect(try await file.read(upTo: 100, at: 10) == nil)
                #expect(try await file.read(upTo: 1, at: 1 << 40) == nil)
                #expect(try await file.read(upTo: 0, at: 0) == Bytes())
                try await file.close()
                #expect(Disk.bytes(of: path)?.count == 10)
                try await loop.files.remove(path)
                #expect(!Disk.exists(path))
            }
        }

        @Test func `a file is used from any thread`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                try await runtime.loops[0].files.withTemporaryDirectory { folder in
                    let path = folder.appending("file")
                    let file = try await File.open(path, .writing, on: runtime.loops[0])
                    try await runtime.loops[1].task { try await file.append("hop") }.value
                    try await file.append("ped")
                    try await file.close()
                    #expect(try await runtime.loops[1].files.read(path) == "hopped")
                }
            }
        }

        @Test func `what several append stays in one piece each`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("log")
                let first = try await File.open(path, .appending, on: loop)
                let second = try await File.open(path, .writing, on: loop)
                try await withThrowingDiscardingTaskGroup { group in
                    for number in 0..<100 {
                        group.addTask {
                            let line = "\(number)-" + String(repeating: "x", count: 500) + "\n"
                            try await (number % 2 == 0 ? first : second).append(line)
                        }
                    }
                }
                let lines = String(try await loop.files.read(path)).split(separator: "\n")
                #expect(lines.count == 100)
                #expect(Set(lines.compactMap { Int($0.prefix { $0 != "-" }) }).count == 100)
                #expect(lines.allSatisfy { $0.hasSuffix(String(repeating: "x", count: 500)) })
            }
        }

        @Test func `a file is cut, extended, put on the disk, and told about`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                let file = try await File.open(path, .readingAndWriting, on: loop)
                try await file.write("0123456789", at: 0)
                try await file.truncate(to: 4)
                try await file.truncate(to: 6)
                #expect(try await file.read(upTo: 10) == [0x30, 0x31, 0x32, 0x33, 0, 0])
                try await file.synchronize()
                try await file.synchronize(metadata: false)
                try await file.setPermissions([.ownerReadWrite])
                let status = try await file.status()
                #expect(status.size == 6)
                #expect(status.type == .regular)
                #expect(status.permissions == [.ownerReadWrite])
                #expect(try await loop.files.status(of: path).inode == status.inode)
            }
        }

        @Test(arguments: [0, 1, 4096, 300_001])
        func `files of any length come back whole`(count: Int) async throws {
            try await withTestFolder { loop, folder in
                let bytes = Bytes((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
                let file = try await File.open(
                    folder.appending("file"), .readingAndWriting, on: loop)
                try await file.write(bytes, at: 0)
                #expect(try await file.read(upTo: count + 1) ?? Bytes() == bytes)
                #expect(try await loop.files.read(file.path, limit: count) == bytes)
            }
        }

        // MARK: The end

        @Test func `closing twice is closing once, and then the file is closed`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                let file = try await File.open(path, .writing, on: loop)
                try await file.close()
                #expect(Disk.descriptors(of: path) == 0)
                try await file.close()
                let error = await #expect(throws: IOError.self) { try await file.append("x") }
                #expect(error?.code == .closed)
                #expect(error?.description == "write to \(path): closed on this side")
            }
        }

        @Test func `a close lets what is under way end first`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                let file = try await File.open(path, .readingAndWriting, on: loop)
                let bytes = Bytes(repeatElement(7, count: 1 << 20))
                async let writing: Void = file.write(bytes, at: 0)
                // Until the write has been handed over.
                while loop.core.poolShare.takenCount == 0 { await Task.yield() }
                try await file.close()
                try await writing
                #expect(Disk.bytes(of: path)?.count == bytes.count)
            }
        }

        @Test func `a dropped file closes, on the loop and off it`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                var file: File? = try await File.open(path, .writing, on: loop)
                #expect(file != nil && Disk.descriptors(of: path) == 1)
                file = nil
                try await Disk.waitUntilClosed(path, on: loop)
                let box = Recorder<File>()
                box.add(try await File.open(path, .writing, on: loop))
                await Task.detached { box.removeAll() }.value
                try await Disk.waitUntilClosed(path, on: loop)
            }
        }

        @Test func `the end of the loop closes its files`() async throws {
            let kept = Recorder<File>()
            try await withTestLoop { loop in
                kept.add(try await File.open("/dev/null", .writing, on: loop))
                kept.add(try await File.open("/proc/self/status", on: loop))
            }
            let error = await #expect(throws: IOError.self) {
                _ = try await kept.all[0].read(upTo: 1)
            }
            #expect(error?.code == .loopStopped)
            try await kept.all[1].close()
        }

        @Test func `a write the system takes in parts goes on, and tells why it ends`() async {
            // libuv: fs_partial_write. The limit on a file's size makes the first call a short one.
            await #expect(processExitsWith: .success) {
                signal(SIGXFSZ, SIG_IGN)
                try await withTestFolder { loop, folder in
                    let path = folder.appending("file")
                    let file = try await File.open(path, .writing, on: loop)
                    var limit = rlimit(rlim_cur: 100_000, rlim_max: 100_000)
                    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                    let bytes = Bytes((0..<150_000).map { UInt8(truncatingIfNeeded: $0) })
                    let error = await #expect(throws: IOError.self) {
                        try await file.write(bytes, at: 0)
                    }
                    #expect(error?.systemName == "EFBIG")
                    #expect(Disk.bytes(of: path) == Array(bytes.prefix(100_000)))
                }
            }
        }
    }
}
