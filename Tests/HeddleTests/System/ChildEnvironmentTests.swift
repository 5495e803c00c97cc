import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct ChildEnvironmentTests {
        private static func output(
            of script: String, _ environment: ChildProcess.Environment, on loop: EventLoop
        ) async throws -> String {
            var configuration = ChildProcess.Configuration(
                .path("/bin/sh"), arguments: ["-c", script])
            configuration.environment = environment
            return String(try await ChildProcess.run(configuration, on: loop).standardOutput)
        }

        @Test func `a child inherits the environment`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let path = String(cString: getenv("PATH"))
                let text = try await Self.output(of: "echo $PATH", .inherit, on: loop)
                #expect(text == path + "\n")
            }
        }

        @Test func `variables are set and removed beside the inherited ones`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let changed = ChildProcess.Environment.inherit.updating([
                    "HEDDLE_TEST_A": "a b=c", "HOME": nil, "HEDDLE_TEST_B": "x",
                ]).updating(["HEDDLE_TEST_B": nil])
                let text = try await Self.output(
                    of: "echo \"$HEDDLE_TEST_A|${HOME-none}|${HEDDLE_TEST_B-none}|${PATH:+path}\"",
                    changed, on: loop)
                #expect(text == "a b=c|none|none|path\n")
            }
        }

        @Test func `an environment of its own is all there is`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let text = try await Self.output(
                    of: "/usr/bin/env | /usr/bin/grep -v -E '^(PWD|_|SHLVL)='",
                    .custom(["A": "1", "E": "\u{e9}"]), on: loop)
                #expect(text.split(separator: "\n").sorted() == ["A=1", "E=\u{e9}"])
            }
        }

        @Test func `a program is looked for in the child's PATH`() async throws {
            try await ChildProcessTests.withLoop { loop in
                var configuration = ChildProcess.Configuration(.name("env"))
                configuration.environment = .custom(["PATH": "/nowhere"])
                let wrong = configuration
                let error = await #expect(throws: IOError.self) {
                    try await ChildProcess.run(wrong, on: loop)
                }
                #expect(error?.code == .notFound)
                configuration.environment = .custom(["PATH": "/nowhere:/usr/bin"])
                let result = try await ChildProcess.run(configuration, on: loop)
                #expect(String(result.standardOutput) == "PATH=/nowhere:/usr/bin\n")
            }
        }

        @Test(arguments: [
            ["A": "x\0y"], ["A\0B": "x"], ["": "x"], ["A=B": "x"], ["A=B": nil],
        ])
        func `what is no variable is refused`(_ changes: [String: String?]) async throws {
            try await ChildProcessTests.withLoop { loop in
                var environments = [ChildProcess.Environment.inherit.updating(changes)]
                let variables = changes.compactMapValues { $0 }
                if !variables.isEmpty { environments.append(.custom(variables)) }
                for environment in environments {
                    let error = await #expect(throws: IOError.self) {
                        try await Self.output(of: "exit", environment, on: loop)
                    }
                    #expect(error?.code == .invalidArgument)
                    #expect(error?.subject == "/bin/sh")
                }
            }
        }
    }
}
