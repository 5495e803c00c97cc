import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct ChildProcessTests {
        static func shell(_ script: String) -> ChildProcess.Configuration {
            ChildProcess.Configuration(.name("sh"), arguments: ["-c", script])
        }

        /// Fails unless this process has no child left, running or dead (waitpid(2)).
        static func expectNoChildren(sourceLocation: SourceLocation = #_sourceLocation) {
            let found = waitpid(-1, nil, WNOHANG)
            #expect(
                found == -1 && errno == ECHILD, "a child is left: \(found)",
                sourceLocation: sourceLocation)
        }

        /// Runs `body` on a loop, which leaves nothing, nor any child.
        static func withLoop<T: Sendable>(
            grace: Duration = .seconds(5), sourceLocation: SourceLocation = #_sourceLocation,
            _ body: @escaping @Sendable (EventLoop) async throws -> T
        ) async throws -> T {
            defer { expectNoChildren(sourceLocation: sourceLocation) }
            return try await withTestLoop(
                grace: grace, sourceLocation: sourceLocation, body)
        }

        @Test func `a program's output and its end are collected`() async throws {
            try await Self.withLoop { loop in
                let result = try await ChildProcess.run(
                    Self.shell("echo out; echo error >&2; exit 3"), on: loop)
                #expect(result.terminationStatus == .exited(3))
                #expect(!result.terminationStatus.isSuccess)
                #expect(String(result.standardOutput) == "out\n")
                #expect(String(result.standardError) == "error\n")
            }
        }

        @Test(arguments: [0, 1, 127, 255])
        func `the exit status is told, also to those who ask later`(status: Int32) async throws {
            // libuv: spawn_exit_code.
            try await Self.withLoop { loop in
                let child = try await ChildProcess.spawn(Self.shell("exit \(status)"), on: loop)
                #expect(child.processID > 0)
                async let first = child.wait()
                async let second = child.wait()
                let both = try await [first, second]
                #expect(both == [.exited(status), .exited(status)])
                #expect(try await child.wait() == .exited(status))
            }
        }

        @Test func `what is written to a program comes back from it`() async throws {
            // libuv: spawn_stdin, spawn_stdout. Far more than pipes and buffers hold, both ways.
            try await Self.withLoop { loop in
                let input = Bytes((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 * 7) })
                let result = try await ChildProcess.run(
                    .init(.name("cat")), on: loop, input: input, limit: input.count)
                #expect(result.standardOutput == input)
                #expect(result.terminationStatus.isSuccess)
            }
        }

        @Test func `a scope talks with its program through streams`() async throws {
            try await Self.withLoop { loop in
                var configuration = Self.shell("while read line; do echo \"<$line>\"; done; exit 5")
                configuration.standardInput = .stream
                configuration.standardOutput = .stream
                let outcome = try await ChildProcess.run(configuration, on: loop) { child in
                    var lines = child.standardOutput!.inbound.lines.makeAsyncIterator()
                    var answers: [String?] = []
                    for word in ["one", "two"] {
                        try await child.standardInput!.write(word + "\n")
                        answers.append(try await lines.next())
                    }
                    #expect(child.standardError == nil)
                    return answers
                }
                #expect(outcome.value == ["<one>", "<two>"])
                #expect(outcome.terminationStatus == .exited(5))
            }
        }

        @Test func `a scope that stops reading ends its program as a pipe does`() async throws {
            try await Self.withLoop { loop in
                var configuration = ChildProcess.Configuration(.name("yes"))
                configuration.standardOutput = .stream
                let outcome = try await ChildProcess.run(configuration, on: loop) { child in
                    try await child.standardOutput!.read(exactly: 4)
                }
                #expect(outcome.value == "y\ny\n")
                // By SIGPIPE, or by itself for the error that writing gave.
                #expect(!outcome.terminationStatus.isSuccess)
            }
        }

        @Test func `input that the program does not read is no error`() async throws {
            try await Self.withLoop { loop in
                let result = try await ChildProcess.run(
                    Self.shell("exit 0"), on: loop, input: Bytes(repeatElement(1, count: 1 << 20)))
                #expect(result.terminationStatus.isSuccess)
            }
        }

        @Test func `more output than is wanted ends the program`() async throws {
            try await Self.withLoop { loop in
                let error = await #expect(throws: IOError.self) {
                    try await ChildProcess.run(.init(.name("yes")), on: loop, limit: 1000)
                }
                #expect(error?.code == .limitExceeded)
                #expect(error?.subject == "output of yes")
            }
        }

        @Test func `files serve as standard streams`() async throws {
            // libuv: spawn_stdout_to_file, spawn_stdout_and_stderr_to_file.
            try await Self.withLoop { loop in
                let file = try TemporaryFile("first\n")
                defer { file.remove() }
                var configuration = Self.shell("echo second; echo third >&2")
                configuration.standardOutput = .file(file.path, appending: true)
                configuration.standardError = .combinedWithOutput
                let appended = try await ChildProcess.run(configuration, on: loop)
                #expect(appended.terminationStatus.isSuccess)
                var cat = ChildProcess.Configuration(.name("cat"))
                cat.standardInput = .file(file.path)
                let read = try await ChildProcess.run(cat, on: loop)
                #expect(String(read.standardOutput) == "first\nsecond\nthird\n")
                configuration.standardOutput = .file(file.path)
                let emptied = try await ChildProcess.run(configuration, on: loop)
                #expect(emptied.terminationStatus.isSuccess)
                let again = try await ChildProcess.run(cat, on: loop)
                #expect(String(again.standardOutput) == "second\nthird\n")
            }
        }

        @Test func `descriptors serve as standard streams and stay the caller's`() async throws {
            // libuv: spawn_inherit_streams.
            try await Self.withLoop { loop in
                let (near, far) = try RawSocket.pair()
                var configuration = Self.shell("read word; echo \"got $word\"; echo bad >&2")
                configuration.standardInput = .descriptor(far.descriptor)
                configuration.standardOutput = .descriptor(far.descriptor)
                configuration.standardError = .combinedWithOutput
                try near.write("word\n")
                let child = try await ChildProcess.spawn(configuration, on: loop)
                #expect(try await child.wait().isSuccess)
                #expect(fcntl(far.descriptor, F_GETFD) >= 0)
                far.close()
                #expect(String(decoding: try near.readToEnd(), as: UTF8.self) == "got word\nbad\n")
                near.close()
            }
        }

        @Test(.enabled(if: access("/usr/bin/python3", X_OK) == 0, "no python3 here"))
        func `a program serves on a listener that it was given`() async throws {
            // libuv: spawn_tcp_server.
            try await Self.withLoop { loop in
                let listener = try RawSocket.listening()
                let script = """
                    import socket
                    c, _ = socket.socket(fileno=0).accept()
                    c.sendall(b'served')
                    """
                var configuration = ChildProcess.Configuration(
                    .path("/usr/bin/python3"), arguments: ["-c", script])
                configuration.standardInput = .descriptor(listener.descriptor)
                let child = try await ChildProcess.spawn(configuration, on: loop)
                let client = try await TCPConnection.connect(to: listener.address, on: loop)
                listener.close()
                #expect(try await client.read(exactly: 6) == "served")
                #expect(try await client.read() == nil)
                try await client.close()
                #expect(try await child.wait() == .exited(0))
            }
        }

        @Test func `nothing that Heddle has open reaches a program`() async throws {
            try await Self.withLoop { loop in
                var configuration = Self.shell("ls -l /proc/self/fd")
                configuration.standardInput = .stream
                let result = try await ChildProcess.run(configuration, on: loop)
                // Each line but the first ends with the number, an arrow and what it leads to.
                let lines = String(result.standardOutput).split(separator: "\n")
                    .map { $0.split(separator: " -> ") }.filter { $0.count == 2 }
                let its = Set(
                    lines.filter { !ResourceCheck.isGlance($0[1]) }
                        .compactMap { $0[0].split(separator: " ").last.flatMap { Int($0) } })
                #expect(its.isSuperset(of: 0...2))
                // The tests' own process was started with some that are kept on exec.
                let kept = ResourceCheck.openDescriptors().keys
                    .filter { fcntl(Int32($0), F_GETFD) & FD_CLOEXEC == 0 }
                // Its standard streams, and the folder that ls reads.
                #expect(its.subtracting(kept).subtracting(0...2).count <= 1)
            }
        }

        @Test func `a program begins with no signal blocked or ignored`() async throws {
            try await Self.withLoop { loop in
                let result = try await ChildProcess.run(
                    .init(.name("grep"), arguments: ["-E", "Sig(Blk|Ign)", "/proc/self/status"]),
                    on: loop)
                let sets = String(result.standardOutput).split(separator: "\n")
                    .map { UInt64($0.split(separator: "\t")[1], radix: 16) }
                #expect(sets.count == 2)
                // Those from 32 on belong to the C library.
                for set in sets { #expect(set.map { $0 & 0x7FFF_FFFF } == 0) }
            }
        }

        @Test func `the working folder is the child's alone`() async throws {
            // libuv: spawn_cwd.
            try await Self.withLoop { loop in
                var configuration = ChildProcess.Configuration(.name("pwd"))
                configuration.workingDirectory = "/usr/bin"
                let result = try await ChildProcess.run(configuration, on: loop)
                #expect(String(result.standardOutput) == "/usr/bin\n")
                configuration.executable = .path("env")
                configuration.arguments = ["pwd"]
                let relative = try await ChildProcess.run(configuration, on: loop)
                #expect(String(relative.standardOutput) == "/usr/bin\n")
            }
        }

        @Test func `a user and a group are taken on`() async throws {
            // libuv: spawn_setuid_setgid.
            guard getuid() == 0 else { return }
            try await Self.withLoop { loop in
                var configuration = Self.shell("id -u; id -g; id -G")
                configuration.userID = 65534
                configuration.groupID = 65533
                let result = try await ChildProcess.run(configuration, on: loop)
                #expect(String(result.standardOutput) == "65534\n65533\n65533\n")
            }
        }
    }
}

/// A file with some text, which whoever made it removes.
struct TemporaryFile: Sendable {
    let path: String

    init(_ text: String) throws {
        var template = Array(("/tmp/heddle-test-" + String(repeating: "X", count: 6)).utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else {
            throw RawSocket.Failure(call: "mkstemp", number: errno)
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        _ = Array(text.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }

    func remove() {
        unlink(path)
    }
}
