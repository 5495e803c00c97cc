import Foundation
import Heddle
import Testing

/// A program in a session of its own, controlled by a pseudo-terminal of its own, as in a terminal window. Owned by one
/// test; the whole session is gone with it.
final class TerminalProcess {
    let pid: pid_t
    /// What a person sees and types at.
    let screen: Int32
    private let inner: Int32
    /// The path of the side that the program has.
    let path: String
    private var shown = ""
    private var isReaped = false

    /// The mode before the program began.
    let before: String

    init(_ words: [String]) async throws {
        var outer: Int32 = -1
        var inner: Int32 = -1
        try #require(openpty(&outer, &inner, nil, nil, nil) == 0)
        for descriptor in [outer, inner] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        screen = outer
        self.inner = inner
        path = String(cString: try #require(ttyname(inner)))
        before = try await Self.stty(path, ["-g"])
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The first terminal that the leader of a session opens controls it.
        posix_spawn_file_actions_addopen(&actions, 0, path, O_RDWR, 0)
        for descriptor in [Int32(1), 2] {
            posix_spawn_file_actions_adddup2(&actions, 0, descriptor)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        // POSIX_SPAWN_SETSID.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | 0x80)
        var arguments = words.map { strdup($0) } + [nil]
        // Handlers of sanitizers and of Swift would end the program in ways of theirs.
        let faults = ["segv", "abort", "sigill", "sigbus", "sigfpe", "sigtrap"]
            .map { "handle_\($0)=0" }.joined(separator: ":")
        let home = String(cString: getenv("PATH"))
        let settings = [
            "PATH=\(home)", "SWIFT_BACKTRACE=enable=no", "TSAN_OPTIONS=\(faults)",
            "ASAN_OPTIONS=detect_leaks=0:\(faults)", "PS1=", "TERM=dumb",
        ]
        var environment = settings.map { strdup($0) } + [nil]
        defer { for word in arguments + environment { free(word) } }
        var pid = pid_t()
        let status = posix_spawnp(
            &pid, words[0], &actions, &attributes, &arguments, &environment)
        try #require(status == 0, "cannot start \(words[0]): errno \(status)")
        self.pid = pid
    }

    deinit {
        // None is 0 here, and its negative would be this process's own group.
        let front = front
        if front > 1, front != getpgrp() { kill(-front, SIGKILL) }
        if !isReaped {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        close(inner)
        close(screen)
    }

    /// The process group that has the terminal.
    var front: pid_t { tcgetpgrp(screen) }

    func type(_ text: String) {
        #expect(write(screen, text, text.utf8.count) == text.utf8.count)
    }

    /// Waits for a text on the screen, after the last one that was waited for. Blocks.
    func see(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        while true {
            if let place = shown.range(of: text) {
                shown.removeSubrange(..<place.upperBound)
                return
            }
            var ready = pollfd(fd: screen, events: Int16(POLLIN), revents: 0)
            var buffer = [UInt8](repeating: 0, count: 4096)
            guard poll(&ready, 1, SampleProcess.patienceMilliseconds) > 0,
                case let count = read(screen, &buffer, buffer.count), count > 0
            else {
                Issue.record("no '\(text)', but '\(shown)'", sourceLocation: sourceLocation)
                throw SampleProcess.Failed(description: "no '\(text)'")
            }
            shown += String(decoding: buffer.prefix(count), as: UTF8.self)
        }
    }

    /// Waits for the end of the program; the status it exited with, or the negative number of its signal.
    func exitStatus() -> Int32 {
        var raw: Int32 = 0
        waitpid(pid, &raw, 0)
        isReaped = true
        return raw & 0x7F == 0 ? raw >> 8 & 0xFF : -(raw & 0x7F)
    }

    /// The mode of the terminal, by stty(1).
    func mode() async throws -> String {
        try await Self.stty(path, ["-g"])
    }

    func stty(_ arguments: String...) async throws {
        _ = try await Self.stty(path, arguments)
    }

    private static func stty(_ path: String, _ arguments: [String]) async throws -> String {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let result = try await ChildProcess.run(
                .init(.name("stty"), arguments: ["-F", path] + arguments), on: runtime.nextLoop)
            return String(result.standardOutput)
        }
    }
}
