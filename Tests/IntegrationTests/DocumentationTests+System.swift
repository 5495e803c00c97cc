import Glibc
import Heddle
import TestSupport
import Testing

/// The code of the articles about signals, child processes and foreign descriptors.
@Suite(.together, .serialized, .timeLimit(.minutes(2)))
struct SystemDocumentationTests {
    @Test func `signals: a watch as a sequence`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            let reading = loop.task {
                let watch = try await SignalWatch.start([.terminalClosed], on: loop)
                for await signal in watch { print("\(signal): read the settings again") }
            }
            try await loop.clock.sleep(for: .milliseconds(1))
            reading.cancel()
            try await reading.value
        }
    }

    @Test func `signals: a bound on a wait`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            let watch = try await SignalWatch.start([.userDefinedTwo], on: loop)
            kill(getpid(), SIGUSR2)
            let signal = try await withTimeout(.seconds(5), "go-ahead") { await watch.next() }
            #expect(signal == .userDefinedTwo)
            await watch.close()
        }
    }

    @Test func `processes: output that is collected`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            let result = try await ChildProcess.run(
                .init(.name("sort"), arguments: ["-r"]), on: loop, input: "a\nb\n")
            guard result.terminationStatus.isSuccess else {
                print("sort \(result.terminationStatus): \(String(result.standardError))")
                return
            }
            #expect(String(result.standardOutput) == "b\na\n")
        }
    }

    @Test func `processes: a conversation`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            var configuration = ChildProcess.Configuration(.name("cat"))
            configuration.standardInput = .stream
            configuration.standardOutput = .stream
            let outcome = try await ChildProcess.run(configuration, on: loop) { child in
                try await child.standardInput!.write("a question\n")
                var answers = child.standardOutput!.inbound.lines.makeAsyncIterator()
                return try await answers.next()
            }
            #expect(outcome.value == "a question")
        }
    }

    @Test func `processes: an environment and a folder`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            var configuration = ChildProcess.Configuration(
                .path("/bin/sh"), arguments: ["-c", "echo $LANG $PWD"])
            configuration.environment = .inherit.updating(["LANG": "C", "HOME": nil])
            configuration.workingDirectory = "/usr"
            configuration.standardError = .inherited
            let result = try await ChildProcess.run(configuration, on: loop)
            #expect(String(result.standardOutput) == "C /usr\n")
        }
    }

    @Test func `processes: one that is ended by hand`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            let child = try await ChildProcess.spawn(
                .init(.name("sleep"), arguments: ["1000"]), on: loop)
            try await child.send(.interrupt)
            print(try await child.wait())
            #expect(try await child.wait() == .signaled(.interrupt))
        }
    }

    @Test func `descriptors: waiting for one`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            var ends: [Int32] = [0, 0]
            #expect(pipe(&ends) == 0)
            defer { for end in ends { close(end) } }
            let descriptor = ends[0]
            var byte: UInt8 = 7
            #expect(write(ends[1], &byte, 1) == 1)
            let watch = try await DescriptorWatch.start(descriptor, on: loop)
            try await watch.readable()
            await watch.close()
        }
    }
}
