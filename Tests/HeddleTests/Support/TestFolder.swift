import Glibc
import SystemPackage
import Testing

@testable import Heddle

/// Gives `body` a loop of its own and an empty folder, which is gone afterwards. Otherwise as `withTestLoop`.
@discardableResult
func withTestFolder<T: Sendable>(
    grace: Duration = .seconds(5),
    _ body: @escaping @Sendable (EventLoop, FilePath) async throws -> T
) async throws -> T {
    try await withTestLoop(grace: grace) { loop in
        try await loop.files.withTemporaryDirectory { try await body(loop, $0) }
    }
}

/// What lies on the disk, seen without Heddle.
enum Disk {
    /// The bytes of a file; nil if there is none.
    static func bytes(of path: FilePath) -> [UInt8]? {
        let descriptor = open(path.string, O_RDONLY)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var found: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return found }
            found += buffer.prefix(count)
        }
    }

    /// Writes a file anew.
    static func write(_ text: String, to path: FilePath) {
        let descriptor = open(path.string, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        precondition(descriptor >= 0, "cannot write \(path): errno \(errno)")
        defer { close(descriptor) }
        var text = text
        text.withUTF8 { _ = Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }

    static func names(in folder: FilePath) -> [String] {
        ResourceCheck.entries(of: folder.string).sorted()
    }

    static func exists(_ path: FilePath) -> Bool {
        var found = stat()
        return lstat(path.string, &found) == 0
    }

    /// How many descriptors of this process lead to `path`, or did before it was removed.
    static func descriptors(of path: FilePath) -> Int {
        ResourceCheck.openDescriptors().values.count { $0.hasPrefix(path.string) }
    }

    /// Waits, on the loop, until no descriptor of this process leads to `path`.
    static func waitUntilClosed(_ path: FilePath, on loop: EventLoop) async throws {
        try await waiting {
            while descriptors(of: path) > 0 { try await loop.clock.sleep(for: .milliseconds(1)) }
        }
    }
}
