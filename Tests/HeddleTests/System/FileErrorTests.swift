import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// What people get wrong: each gives one clear error that names the path, and leaves nothing.
    @Suite struct FileErrorTests {
        private func expect(
            _ code: IOError.Code, _ name: String? = nil, on subject: String? = nil,
            sourceLocation: SourceLocation = #_sourceLocation,
            _ body: () async throws -> Void
        ) async {
            let error = await #expect(throws: IOError.self, sourceLocation: sourceLocation) {
                try await body()
            }
            #expect(error?.code == code, sourceLocation: sourceLocation)
            if let name { #expect(error?.systemName == name, sourceLocation: sourceLocation) }
            if let subject { #expect(error?.subject == subject, sourceLocation: sourceLocation) }
        }

        @Test func `a file that is missing, or must not be there`() async throws {
            try await withTestFolder { loop, folder in
                let missing = folder.appending("missing")
                await expect(.notFound, "ENOENT", on: missing.string) {
                    _ = try await File.open(missing, on: loop)
                }
                await expect(.notFound) { _ = try await loop.files.status(of: missing) }
                await expect(.notFound) { try await loop.files.remove(missing) }
                await expect(.notFound) { try await loop.files.removeTree(missing) }
                await expect(.notFound, on: "\(missing) to \(folder.appending("b"))") {
                    try await loop.files.rename(missing, to: folder.appending("b"))
                }
                Disk.write("there", to: folder.appending("there"))
                await expect(.alreadyExists, "EEXIST") {
                    _ = try await File.open(
                        folder.appending("there"), FileOptions(.writing, .mustCreate), on: loop)
                }
                let error = await #expect(throws: IOError.self) {
                    _ = try await File.open(missing, on: loop)
                }
                #expect(
                    error?.description == "open \(missing): no such file or directory (ENOENT)")
            }
        }

        @Test func `a path or a name that is too long`() async throws {
            try await withTestFolder { loop, folder in
                let name = folder.appending(String(repeating: "n", count: 256))
                await expect(.invalidArgument, "ENAMETOOLONG", on: name.string) {
                    _ = try await File.open(name, .writing, on: loop)
                }
                let path = FilePath(String(repeating: "/long", count: 1000))
                await expect(.invalidArgument, "ENAMETOOLONG") {
                    try await loop.files.createDirectory(path)
                }
                await expect(.invalidArgument, "ENAMETOOLONG") {
                    try await loop.files.replace(path, with: "x")
                }
            }
        }

        @Test func `an empty path, and one with a NUL`() async throws {
            try await withTestLoop { loop in
                await expect(.invalidArgument, on: "''") { _ = try await File.open("", on: loop) }
                await expect(.invalidArgument) { try await loop.files.replace("", with: "x") }
                await expect(.invalidArgument) { _ = try await loop.files.watch("") }
                await expect(.invalidArgument, on: "a\\0b") { _ = try FilePath(validating: "a\0b") }
                await expect(.invalidArgument) { _ = try FilePath(validating: "") }
                let path = try FilePath(validating: "/tmp/ä")
                #expect(path == "/tmp/ä")
            }
        }

        @Test func `a folder where a file is meant, and the other way round`() async throws {
            try await withTestFolder { loop, folder in
                let file = folder.appending("file")
                Disk.write("x", to: file)
                await expect(.wrongFileType, "EISDIR", on: folder.string) {
                    _ = try await File.open(folder, .writing, on: loop)
                }
                await expect(.wrongFileType, "EISDIR") { _ = try await loop.files.read(folder) }
                await expect(.wrongFileType) { try await loop.files.replace(folder, with: "x") }
                await expect(.wrongFileType) {
                    try await loop.files.copy(folder, to: folder.appending("copy"))
                }
                await expect(.wrongFileType, "ENOTDIR") {
                    for try await _ in loop.files.entries(of: file) {}
                }
                await expect(.wrongFileType, "ENOTDIR") {
                    _ = try await File.open(file.appending("inner"), .writing, on: loop)
                }
                #expect(Disk.names(in: folder) == ["file"])
            }
        }

        @Test func `what would keep a thread waiting is refused at once`() async throws {
            try await withTestFolder { loop, folder in
                let pipe = folder.appending("pipe")
                #expect(mkfifo(pipe.string, 0o600) == 0)
                await expect(.wrongFileType, on: pipe.string) {
                    _ = try await File.open(pipe, on: loop)
                }
                // Nobody reads from it: the system says so instead of waiting.
                await expect(.system, "ENXIO") {
                    _ = try await File.open(pipe, FileOptions(.writing), on: loop)
                }
                await expect(.wrongFileType) { _ = try await loop.files.read(pipe) }
                await expect(.wrongFileType, on: "/dev/ptmx") {
                    _ = try await File.open("/dev/ptmx", .init(.readingAndWriting), on: loop)
                }
                let zero = try await File.open("/dev/zero", on: loop)
                #expect(try await zero.read(upTo: 3) == [0, 0, 0])
            }
        }

        /// The tests run as root, whom few permissions bind.
        @Test func `what even root may not do`() async throws {
            try await withTestFolder { loop, folder in
                await expect(.permissionDenied, on: "/sys/heddle") {
                    try await loop.files.createDirectory("/sys/heddle")
                }
                await expect(.permissionDenied) {
                    try await loop.files.createLink(at: folder.appending("link"), to: folder)
                }
                Disk.write("x", to: folder.appending("file"))
                let reader = try await File.open(folder.appending("file"), on: loop)
                await expect(.invalidArgument, "EBADF", on: reader.path.string) {
                    try await reader.write("x", at: 0)
                }
                await expect(.invalidArgument, "EBADF") { try await reader.append("x") }
                await expect(.invalidArgument, "EXDEV") {
                    try await loop.files.rename("/proc/self/status", to: folder.appending("s"))
                }
            }
        }

        @Test func `counts, offsets and options out of their bounds`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                let file = try await File.open(path, .appending, on: loop)
                await expect(.invalidArgument) { _ = try await file.read(upTo: -1) }
                await expect(.invalidArgument) { _ = try await file.read(upTo: 1, at: -1) }
                await expect(.invalidArgument) { _ = try await file.read(upTo: 1, at: .max) }
                await expect(.invalidArgument) { _ = try await file.read(upTo: 1 << 31) }
                await expect(.invalidArgument) { try await file.truncate(to: -1) }
                await expect(.invalidArgument) { try await file.write("x", at: -1) }
                await expect(.invalidArgument, on: path.string) { try await file.write("x", at: 0) }
                await expect(.invalidArgument) {
                    _ = try await File.open(path, FileOptions(.reading, .createOrEmpty), on: loop)
                }
                await expect(.limitExceeded) {
                    try await file.append("four")
                    _ = try await loop.files.read(path, limit: 3)
                }
                #expect(try await loop.files.read(path, limit: 4) == "four")
                await expect(.limitExceeded) {
                    _ = try await loop.files.read("/dev/zero", limit: 1000)
                }
            }
        }

        @Test func `a full disk`() async throws {
            try await withTestLoop { loop in
                let full = try await File.open("/dev/full", FileOptions(.writing), on: loop)
                await expect(.outOfSpace, "ENOSPC", on: "/dev/full") { try await full.append("x") }
            }
        }

        @Test func `symbolic links where none is wanted, and in a circle`() async throws {
            try await withTestFolder { loop, folder in
                let link = folder.appending("link")
                try await loop.files.createSymbolicLink(at: link, to: "link")
                await expect(.wrongFileType, "ELOOP") { _ = try await File.open(link, on: loop) }
                var options = FileOptions.writing
                options.followsSymbolicLinks = false
                await expect(.wrongFileType, "ELOOP") {
                    _ = try await File.open(link, options, on: loop)
                }
            }
        }
    }
}
