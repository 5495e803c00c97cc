import Glibc
import Testing

/// A sample running as a process of its own, its output on a pseudo-terminal, as a reader would run it.
/// Owned by one test; ended at the latest when it goes.
final class SampleProcess {
    /// How long a line or an end may take; reached only by what hangs.
    static let patienceMilliseconds: Int32 = 60_000

    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    let pid: pid_t
    private let terminal: Int32
    private var unread: [UInt8] = []
    private var status: Int32?

    /// Starts a sample that lies beside the test's own executable.
    init(_ name: String, _ arguments: String...) throws {
        // The process gets the terminal's other side; here it is closed again once that has it.
        var outer: Int32 = -1
        var inner: Int32 = -1
        guard openpty(&outer, &inner, nil, nil, nil) == 0 else {
            throw Failed(description: "no pseudo-terminal: errno \(errno)")
        }
        terminal = outer
        defer { close(inner) }
        for descriptor in [outer, inner] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, inner, 1)
        posix_spawn_file_actions_adddup2(&actions, inner, 2)
        let path = try Self.path(of: name)
        var words = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid = pid_t()
        // What lives until the end of a whole program is no leak of it.
        let own = "ASAN_OPTIONS=detect_leaks=0"
        var environment = [strdup(own)] + Self.environmentWithoutSanitizer() + [nil]
        defer { free(environment[0]) }
        let status = posix_spawn(&pid, path, &actions, nil, &words, &environment)
        guard status == 0 else {
            close(terminal)
            throw Failed(description: "cannot start \(path): errno \(status)")
        }
        self.pid = pid
    }

    deinit {
        if status == nil {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        close(terminal)
    }

    /// This process's environment, lent, without a setting of its own for AddressSanitizer.
    private static func environmentWithoutSanitizer() -> [UnsafeMutablePointer<CChar>?] {
        var entries: [UnsafeMutablePointer<CChar>?] = []
        var next = environ
        while let entry = next.pointee {
            if !String(cString: entry).hasPrefix("ASAN_OPTIONS=") { entries.append(entry) }
            next += 1
        }
        return entries
    }

    /// Where a sample lies.
    static func path(of name: String) throws -> String {
        try productsDirectory() + "/" + name
    }

    private static func productsDirectory() throws -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(
            decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard let slash = path.lastIndex(of: "/") else { throw Failed(description: "no /proc") }
        return String(path[..<slash])
    }

    /// The next line it prints; nil when it has ended. Blocks.
    func line() throws -> String? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unread.removeSubrange(...end) }
                // A terminal puts a carriage return before each end of a line.
                return String(decoding: unread[..<end].filter { $0 != 13 }, as: UTF8.self)
            }
            var ready = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, Self.patienceMilliseconds) > 0 else {
                throw Failed(description: "no line in time; so far: \(unread.count) bytes")
            }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(terminal, &buffer, buffer.count)
            // A terminal whose other side has closed gives EIO.
            guard count > 0 else { return nil }
            unread += buffer.prefix(count)
        }
    }

    /// All further lines, to its end.
    func remainingLines() throws -> [String] {
        var lines: [String] = []
        while let line = try line() { lines.append(line) }
        return lines
    }

    /// The address in its line `listening on ADDRESS`.
    func listeningAddress() throws -> String {
        let line = try #require(try line())
        #expect(line.hasPrefix("listening on "))
        return String(line.dropFirst("listening on ".count))
    }

    /// Waits for its end; the status it exited with, or the negative number of the signal it died of.
    func exitStatus() -> Int32 {
        var raw: Int32 = 0
        if status == nil, waitpid(pid, &raw, 0) == pid {
            status = raw & 0x7F == 0 ? raw >> 8 & 0xFF : -(raw & 0x7F)
        }
        return status ?? -1
    }
}
