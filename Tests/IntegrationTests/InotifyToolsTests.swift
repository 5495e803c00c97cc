import Glibc
import Heddle
import SystemPackage
import TestSupport
import Testing

/// A recursive watch beside that of inotify-tools.
@Suite(.together, .timeLimit(.minutes(2)))
struct InotifyToolsTests {
    private static var isInstalled: Bool { access("/usr/bin/inotifywait", X_OK) == 0 }

    /// Each step makes one event, which both tell of before the next: `inotifywait` misses what
    /// happens in a new folder before it watches that.
    private static let steps: [(String, @Sendable (FilePath) -> Int32)] = [
        ("CREATE old/file", { creat($0.appending("old/file").string, 0o600) }),
        ("CREATE new", { mkdir($0.appending("new").string, 0o700) }),
        ("CREATE new/inner", { mkdir($0.appending("new/inner").string, 0o700) }),
        ("CREATE new/inner/a", { creat($0.appending("new/inner/a").string, 0o600) }),
        ("MODIFY old/file", { truncate($0.appending("old/file").string, 5) }),
        ("ATTRIB new/inner/a", { chmod($0.appending("new/inner/a").string, 0o644) }),
        ("DELETE new/inner/a", { unlink($0.appending("new/inner/a").string) }),
        ("DELETE new/inner", { rmdir($0.appending("new/inner").string) }),
        ("DELETE new", { rmdir($0.appending("new").string) }),
    ]

    private static func text(of event: FileEvent?, in folder: FilePath) -> String {
        func inner(_ path: FilePath) -> String {
            String(path.string.dropFirst(folder.string.count + 1))
        }
        switch event {
        case .created(let path): return "CREATE \(inner(path))"
        case .changed(let path): return "CHANGE \(inner(path))"
        case .removed(let path): return "DELETE \(inner(path))"
        case .overflow: return "OVERFLOW"
        case nil: return "END"
        }
    }

    @Test(.enabled(if: isInstalled, "inotify-tools is not installed"))
    func `a tree is seen as inotifywait sees it`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            try await loop.files.withTemporaryDirectory { folder in
                #expect(mkdir(folder.appending("old").string, 0o700) == 0)
                try await Self.compare(in: folder, on: loop)
            }
        }
    }

    private static func compare(in folder: FilePath, on loop: EventLoop) async throws {
        var options = WatchOptions()
        options.isRecursive = true
        let watcher = try await loop.files.watch(folder, options: options)
        let text = folder.string
        let arguments =
            ["-m", "-r", "--format", "%e %w%f", text]
            + ["create", "delete", "modify", "attrib"].flatMap { ["-e", $0] }
        var configuration = ChildProcess.Configuration(
            .name("inotifywait"), arguments: arguments)
        configuration.standardOutput = .stream
        configuration.standardError = .combinedWithOutput
        configuration.timeout = .seconds(60)
        let child = try await ChildProcess.spawn(configuration, on: loop)
        var lines = child.standardOutput!.inbound.lines.makeAsyncIterator()
        var line = try await lines.next()
        while let told = line, !told.hasPrefix("Watches established") {
            line = try await lines.next()
        }
        for (expected, step) in steps {
            let result = step(folder)
            #expect(result >= 0, "\(expected): errno \(errno)")
            if expected.hasPrefix("CREATE"), result > 2 { close(result) }
            let theirs = try await lines.next()?
                .replacing(",ISDIR", with: "").replacing(text + "/", with: "")
            #expect(theirs == expected)
            let ours = Self.text(of: await watcher.next(), in: folder)
            #expect(
                ours
                    == expected.replacing("MODIFY", with: "CHANGE")
                    .replacing("ATTRIB", with: "CHANGE"))
        }
        await child.terminate()
        await watcher.close()
    }
}
