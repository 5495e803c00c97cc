import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// What people get wrong: each gives one clear error, and nothing is started or left.
    @Suite struct ChildProcessErrorTests {
        private static func error(
            _ configuration: ChildProcess.Configuration, on loop: EventLoop
        ) async -> IOError? {
            // Streams, so that there is something to leave open.
            var configuration = configuration
            if configuration.standardInput == .none { configuration.standardInput = .stream }
            if configuration.standardError == .discarded { configuration.standardError = .stream }
            let tried = configuration
            return await #expect(throws: IOError.self) {
                try await ChildProcess.spawn(tried, on: loop)
            }
        }

        @Test(arguments: ["heddle-no-such-program", "/nowhere/program"])
        func `a program that does not exist`(name: String) async throws {
            // libuv: spawn_fails.
            try await ChildProcessTests.withLoop { loop in
                let error = await Self.error(.init(.name(name)), on: loop)
                #expect(error?.code == .notFound)
                #expect(
                    error?.description == "start \(name): no such file or directory (ENOENT)")
            }
        }

        @Test func `a thousand failed starts leave nothing`() async throws {
            try await ChildProcessTests.withLoop { loop in
                for _ in 0..<TestScale.times(50, full: 1_000) {
                    _ = await Self.error(.init(.path("/nowhere/program")), on: loop)
                }
            }
        }

        @Test(arguments: ["/usr", "/etc/passwd"])
        func `a folder or a file that is no program`(path: String) async throws {
            try await ChildProcessTests.withLoop { loop in
                let error = await Self.error(.init(.path(path)), on: loop)
                #expect(error?.code == .permissionDenied)
                #expect(error?.subject == path)
            }
        }

        @Test func `a file that the system cannot run`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let file = try TemporaryFile("\u{1}no program")
                defer { file.remove() }
                chmod(file.path, 0o700)
                // execvp(3) gives it to a shell, which cannot either.
                let child = try await ChildProcess.spawn(.init(.path(file.path)), on: loop)
                #expect(try await !child.wait().isSuccess)
            }
        }

        @Test(arguments: [("/nowhere", "ENOENT"), ("/etc/passwd", "ENOTDIR")])
        func `a working folder that is none`(folder: String, name: String) async throws {
            // libuv: spawn_fails_check_for_waitpid_cleanup.
            try await ChildProcessTests.withLoop { loop in
                var configuration = ChildProcess.Configuration(.name("sh"))
                configuration.workingDirectory = folder
                let error = await Self.error(configuration, on: loop)
                #expect(error?.systemName == name)
                #expect(error?.subject == "sh in \(folder)")
            }
        }

        @Test func `a path that is too long`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let path = "/" + String(repeating: "x", count: 5_000)
                let error = await Self.error(.init(.path(path)), on: loop)
                #expect(error?.code == .invalidArgument)
                #expect(error?.systemName == "ENAMETOOLONG")
            }
        }

        @Test func `arguments that are too long`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let argument = String(repeating: "x", count: 200_000)
                let error = await Self.error(
                    .init(.name("echo"), arguments: [argument]), on: loop)
                #expect(error?.code == .invalidArgument)
                #expect(error?.systemName == "E2BIG")
            }
        }

        @Test func `texts with NUL bytes, and no name at all`() async throws {
            try await ChildProcessTests.withLoop { loop in
                var folder = ChildProcess.Configuration(.name("sh"))
                folder.workingDirectory = "/tmp\0x"
                for configuration in [
                    .init(.name("sh\0x")), .init(.name("sh"), arguments: ["a", "b\0c"]), folder,
                    .init(.name("")), .init(.path("")),
                ] {
                    #expect(await Self.error(configuration, on: loop)?.code == .invalidArgument)
                }
            }
        }

        @Test func `limits out of bounds`() async throws {
            try await ChildProcessTests.withLoop { loop in
                var wrong = Array(repeating: ChildProcess.Configuration(.name("sh")), count: 3)
                wrong[0].timeout = .zero
                wrong[1].terminationGrace = .milliseconds(-1)
                wrong[2].streamLimits.unsentHighWater = 0
                for configuration in wrong {
                    #expect(await Self.error(configuration, on: loop)?.code == .invalidArgument)
                }
            }
        }

        @Test func `descriptors that are not open`() async throws {
            try await ChildProcessTests.withLoop { loop in
                for descriptor: Int32 in [-1, 19_999] {
                    var configuration = ChildProcess.Configuration(.name("sh"))
                    configuration.standardInput = .descriptor(descriptor)
                    let error = await Self.error(configuration, on: loop)
                    #expect(
                        error?.description
                            == "open the standard input of sh descriptor \(descriptor): "
                            + "bad file descriptor (EBADF)")
                }
            }
        }

        @Test func `files that cannot be opened`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let pipe = try TemporaryFile("")
                pipe.remove()
                #expect(mkfifo(pipe.path, 0o600) == 0)
                defer { pipe.remove() }
                let wrong: [(String, IOError.Code)] = [
                    ("/nowhere/file", .notFound), ("/tmp", .wrongFileType),
                    ("/tmp/x\0y", .invalidArgument), (pipe.path, .invalidArgument),
                ]
                for (path, code) in wrong {
                    var input = ChildProcess.Configuration(.name("sh"))
                    input.standardInput = .file(path)
                    #expect(await Self.error(input, on: loop)?.code == code)
                    var output = ChildProcess.Configuration(.name("sh"))
                    output.standardOutput = .file(path)
                    // Nobody reads the named pipe: ENXIO.
                    let expected = path == pipe.path ? .system : code
                    #expect(await Self.error(output, on: loop)?.code == expected)
                }
            }
        }

        @Test func `no descriptor left for the streams`() async throws {
            await #expect(processExitsWith: .success) {
                try await ChildProcessTests.withLoop { loop in
                    // Two streams take four, and the start two more for a moment.
                    for count in 0..<6 {
                        let limit = DescriptorLimit.allowing(count)
                        let error = await Self.error(.init(.name("sh")), on: loop)
                        limit.restore()
                        #expect(error?.code == .resourcesExhausted)
                    }
                }
            }
        }

        @Test func `what cannot start says why also to a process without standard descriptors`()
            async
        {
            await #expect(processExitsWith: .success) {
                try await withTestLoop { loop in
                    let kept = (0...2).map { dup($0) }
                    // The next descriptors of this process get these numbers, which the child's own want.
                    for number in Int32(0)...2 { close(number) }
                    let refused = await #expect(throws: IOError.self) {
                        try await ChildProcess.spawn(.init(.name("no-such-program")), on: loop)
                    }
                    for (number, keeper) in kept.enumerated() {
                        dup2(keeper, Int32(number))
                        close(keeper)
                    }
                    #expect(refused?.code == .notFound)
                }
            }
        }

        @Test func `a user nobody may become`() async throws {
            // libuv: spawn_setuid_fails, spawn_setgid_fails.
            await #expect(processExitsWith: .success) {
                // Root may become anybody.
                if getuid() == 0 { #expect(setuid(65534) == 0) }
                try await ChildProcessTests.withLoop { loop in
                    var configuration = ChildProcessTests.shell("exit 0")
                    configuration.userID = 0
                    let error = await Self.error(configuration, on: loop)
                    #expect(error?.code == .permissionDenied)
                    #expect(error?.systemName == "EPERM")
                    configuration.userID = nil
                    configuration.groupID = 1
                    let group = await Self.error(configuration, on: loop)
                    #expect(group?.systemName == "EPERM")
                }
            }
        }

        @Test func `a loop that has stopped`() async throws {
            let loop = try await ChildProcessTests.withLoop { $0 }
            #expect(await Self.error(.init(.name("sh")), on: loop)?.code == .loopStopped)
        }
    }
}
