import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct ChildGroupTests {
        private static func bash(_ script: String, inGroup group: Int32? = 0)
            -> ChildProcess.Configuration
        {
            var configuration = ChildProcess.Configuration(
                .name("bash"), arguments: ["-c", script])
            configuration.processGroupID = group
            configuration.standardOutput = .stream
            return configuration
        }

        /// Starts a script, and waits for its first line.
        private static func started(
            _ configuration: ChildProcess.Configuration, on loop: EventLoop
        ) async throws -> ChildProcess {
            let child = try await ChildProcess.spawn(configuration, on: loop)
            #expect(try await child.standardOutput!.read(exactly: 6) == "ready\n")
            return child
        }

        /// Seen by ps(1), which tells the dead that nobody has waited for yet.
        private static func isAlive(_ group: Int32, on loop: EventLoop) async throws -> Bool {
            let result = try await ChildProcess.run(
                .init(.name("ps"), arguments: ["-A", "-o", "pgid=,stat="]), on: loop)
            return String(result.standardOutput).split(separator: "\n").contains { line in
                let words = line.split(separator: " ")
                return words[0] == "\(group)" && !words[1].hasPrefix("Z")
            }
        }

        /// What was killed may take a moment to be gone.
        private static func waitUntilGone(_ group: Int32, on loop: EventLoop) async throws {
            try await waiting {
                while try await isAlive(group, on: loop) {
                    try await loop.clock.sleep(for: .milliseconds(1))
                }
            }
        }

        @Test func `a program leads a group of its own in the session of this process`()
            async throws
        {
            try await ChildProcessTests.withLoop { loop in
                let result = try await ChildProcess.run(
                    Self.bash("echo $$; ps -o pgid=,sid= -p $$"), on: loop)
                let numbers = String(result.standardOutput)
                    .split { $0.isWhitespace }.compactMap { Int32($0) }
                try #require(numbers.count == 3)
                #expect(numbers[1] == numbers[0])
                #expect(numbers[2] == getsid(0))
            }
        }

        @Test(arguments: [true, false])
        func `terminating a group reaches what bash has left in the background`(
            inSession: Bool
        ) async throws {
            try await ChildProcessTests.withLoop { loop in
                var configuration = Self.bash("sleep 1000 & sleep 1000 & echo ready; wait")
                configuration.processGroupID = inSession ? nil : 0
                configuration.createSession = inSession
                let child = try await Self.started(configuration, on: loop)
                await child.terminate(within: .seconds(1000))
                #expect(try await child.wait() == .signaled(.terminate))
                #expect(try await !Self.isAlive(child.processID, on: loop))
                #expect(try await child.standardOutput!.read() == nil)
            }
        }

        @Test func `what outlives its leader has the grace to end in`() async throws {
            try await ChildProcessTests.withLoop { loop in
                // The grandchild ends later than the leader, in its own way.
                let child = try await Self.started(
                    Self.bash(
                        """
                        bash -c 'trap "sleep 0.05; echo tidied; exit" TERM; echo ready
                            while :; do sleep 0.01; done' & wait
                        """), on: loop)
                await child.terminate(within: .seconds(1000))
                #expect(try await child.wait() == .signaled(.terminate))
                #expect(try await !Self.isAlive(child.processID, on: loop))
                #expect(try await child.standardOutput!.read(exactly: 7) == "tidied\n")
            }
        }

        @Test func `what outlives its leader and ignores SIGTERM is killed`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let child = try await Self.started(
                    Self.bash(
                        """
                        bash -c 'trap "" TERM; echo ready; while :; do sleep 0.01; done' & wait
                        """), on: loop)
                let start = loop.clock.now
                await child.terminate(within: .milliseconds(50))
                #expect(start.duration(to: loop.clock.now) >= .milliseconds(50))
                #expect(try await child.wait() == .signaled(.terminate))
                try await Self.waitUntilGone(child.processID, on: loop)
            }
        }

        @Test func `a loop that stops kills what is left of a group`() async throws {
            let group = Recorder<Int32>()
            try await ChildProcessTests.withLoop(grace: .zero) { loop in
                let child = try await Self.started(
                    Self.bash(
                        """
                        bash -c 'trap "" TERM; echo ready; while :; do sleep 0.01; done' & wait
                        """), on: loop)
                group.add(child.processID)
            }
            try await withTestLoop { try await Self.waitUntilGone(group.all[0], on: $0) }
        }

        @Test func `a program may join another's group, and signals reach both`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let leader = try await Self.started(Self.bash("echo ready; sleep 1000"), on: loop)
                let second = try await Self.started(
                    Self.bash("echo ready; sleep 1000", inGroup: leader.processID), on: loop)
                #expect(getpgid(second.processID) == leader.processID)
                try await second.send(.interrupt, toProcessGroup: true)
                #expect(try await second.wait() == .signaled(.interrupt))
                #expect(try await leader.wait() == .signaled(.interrupt))
            }
        }

        @Test func `terminating one that has joined a group leaves the others alone`() async throws
        {
            try await ChildProcessTests.withLoop { loop in
                let leader = try await Self.started(
                    Self.bash("echo ready; read line; exit 7"), on: loop, withInput: true)
                let second = try await Self.started(
                    Self.bash("echo ready; sleep 1000", inGroup: leader.processID), on: loop)
                await second.terminate()
                try await leader.standardInput!.close()
                #expect(try await leader.wait() == .exited(7))
            }
        }

        private static func started(
            _ configuration: ChildProcess.Configuration, on loop: EventLoop, withInput: Bool
        ) async throws -> ChildProcess {
            var configuration = configuration
            if withInput { configuration.standardInput = .stream }
            return try await started(configuration, on: loop)
        }

        @Test func `a program in a group starts as any other does`() async throws {
            try await ChildProcessTests.withLoop { loop in
                var configuration = Self.bash(
                    """
                    echo "$PWD $KIND"; cat; readlink /proc/self/fd/0 >&2
                    grep -E '^Sig(Blk|Ign)' /proc/self/status | grep -v '[08]0000000$'; exit 3
                    """)
                configuration.workingDirectory = "/usr"
                configuration.environment = .inherit.updating(["KIND": "own"])
                configuration.userID = getuid()
                configuration.groupID = getgid()
                let result = try await ChildProcess.run(configuration, on: loop, input: "input\n")
                #expect(result.terminationStatus == .exited(3))
                #expect(String(result.standardOutput) == "/usr own\ninput\n")
                #expect(String(result.standardError).hasPrefix("socket:"))
            }
        }

        @Test func `descriptors go where they are sent, also those in each other's place`()
            async throws
        {
            try await ChildProcessTests.withLoop { loop in
                var ends: [Int32] = [0, 0]
                #expect(pipe(&ends) == 0)
                defer { close(ends[0]) }
                var configuration = Self.bash("echo out; readlink /proc/self/fd/2 /proc/self/fd/0")
                // The output goes to the pipe; this process's output is the child's input, and its input the errors.
                configuration.standardInput = .descriptor(1)
                configuration.standardOutput = .descriptor(ends[1])
                configuration.standardError = .descriptor(0)
                let child = try await ChildProcess.spawn(configuration, on: loop)
                close(ends[1])
                #expect(try await child.wait().isSuccess)
                var buffer = [UInt8](repeating: 0, count: 4096)
                let count = read(ends[0], &buffer, buffer.count)
                let lines = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
                #expect(lines == "out\n\(Self.link(0))\n\(Self.link(1))\n")
            }
        }

        private static func link(_ descriptor: Int32) -> String {
            var text = [CChar](repeating: 0, count: 4096)
            let count = readlink("/proc/self/fd/\(descriptor)", &text, text.count)
            let bytes = text.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
            return String(decoding: bytes, as: UTF8.self)
        }

        @Test func `a group that is not there, is none, or has a session beside it is refused`()
            async throws
        {
            try await ChildProcessTests.withLoop { loop in
                let gone = try await ChildProcess.spawn(Self.bash("exit"), on: loop)
                _ = try await gone.wait()
                var wrong = Self.bash("exit", inGroup: gone.processID)
                #expect(await Self.refusal(of: wrong, on: loop)?.code == .notFound)
                wrong.processGroupID = -5
                let negative = await Self.refusal(of: wrong, on: loop)
                #expect(negative?.code == .invalidArgument)
                #expect(negative?.reason == "-5 is no number of a process group")
                wrong.processGroupID = 0
                wrong.createSession = true
                #expect(await Self.refusal(of: wrong, on: loop)?.code == .invalidArgument)
            }
        }

        @Test func `what cannot start in a group says why, and leaves nothing`() async throws {
            try await ChildProcessTests.withLoop { loop in
                var wrong = ChildProcess.Configuration(.name("no-such-program"))
                wrong.processGroupID = 0
                #expect(await Self.refusal(of: wrong, on: loop)?.code == .notFound)
                wrong.executable = .path("/etc/passwd")
                #expect(await Self.refusal(of: wrong, on: loop)?.code == .permissionDenied)
                wrong.executable = .name("true")
                wrong.workingDirectory = "/no-such-folder"
                let folder = await Self.refusal(of: wrong, on: loop)
                #expect(folder?.code == .notFound)
                #expect(folder?.subject == "true in /no-such-folder")
            }
        }

        private static func refusal(
            of configuration: ChildProcess.Configuration, on loop: EventLoop
        ) async -> IOError? {
            await #expect(throws: IOError.self) {
                _ = try await ChildProcess.spawn(configuration, on: loop)
            }
        }
    }
}
