import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct ChildTerminationTests {
        /// Ignores SIGTERM, once it has said so.
        private static let stubborn = "trap '' TERM; echo ready; while :; do sleep 0.05; done"

        /// Starts a script with its output as a stream, and waits for its first line.
        private static func started(
            _ script: String, on loop: EventLoop,
            _ change: (inout ChildProcess.Configuration) -> Void = { _ in }
        ) async throws -> ChildProcess {
            var configuration = ChildProcessTests.shell(script)
            configuration.standardOutput = .stream
            change(&configuration)
            let child = try await ChildProcess.spawn(configuration, on: loop)
            #expect(try await child.standardOutput!.read(exactly: 6) == "ready\n")
            return child
        }

        private static func isGone(_ process: Int32) -> Bool {
            kill(process, 0) != 0 && errno == ESRCH
        }

        @Test func `a signal ends a program, and the status says which`() async throws {
            // libuv: spawn_and_kill.
            try await ChildProcessTests.withLoop { loop in
                for signal in [ProcessSignal.terminate, .kill, .userDefinedOne] {
                    let child = try await ChildProcess.spawn(
                        .init(.name("sleep"), arguments: ["1000"]), on: loop)
                    try await child.send(signal)
                    #expect(try await child.wait() == .signaled(signal))
                    let error = await #expect(throws: IOError.self) { try await child.send(signal) }
                    #expect(error?.code == .closed)
                    #expect(error?.subject == "sleep (process \(child.processID))")
                }
            }
        }

        @Test func `a signal that is none is refused`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let child = try await Self.started("echo ready; read x", on: loop) {
                    $0.standardInput = .stream
                }
                let wrong = await #expect(throws: IOError.self) {
                    try await child.send(.init(rawValue: 1000))
                }
                #expect(wrong?.code == .invalidArgument)
                let group = await #expect(throws: IOError.self) {
                    try await child.send(.terminate, toProcessGroup: true)
                }
                #expect(group?.code == .invalidArgument)
                try await child.standardInput!.close()
                _ = try await child.wait()
            }
        }

        @Test func `a program may end in its own way when it is terminated`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let child = try await Self.started(
                    "trap 'exit 9' TERM; echo ready; while :; do sleep 0.02; done", on: loop)
                await child.terminate(within: .seconds(1000))
                #expect(try await child.wait() == .exited(9))
                await child.terminate()
            }
        }

        @Test func `a program that ignores it is killed when the grace has passed`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let child = try await Self.started(Self.stubborn, on: loop)
                let start = loop.clock.now
                await child.terminate(within: .milliseconds(50))
                #expect(start.duration(to: loop.clock.now) >= .milliseconds(50))
                #expect(try await child.wait() == .signaled(.kill))
            }
        }

        @Test func `a shorter grace hurries a longer one`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let child = try await Self.started(Self.stubborn, on: loop)
                async let first: Void = child.terminate(within: .seconds(1000))
                async let second: Void = child.terminate(within: .zero)
                _ = await (first, second)
                #expect(try await child.wait() == .signaled(.kill))
            }
        }

        @Test func `a held program is terminated too`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let child = try await Self.started("echo ready; while :; do :; done", on: loop)
                try await child.send(.suspend)
                await child.terminate(within: .seconds(1000))
                #expect(try await child.wait() == .signaled(.terminate))
            }
        }

        @Test func `a program that takes too long is ended, and the error says so`() async throws {
            try await ChildProcessTests.withLoop { loop in
                var configuration = ChildProcessTests.shell(Self.stubborn)
                configuration.timeout = .milliseconds(100)
                configuration.terminationGrace = .milliseconds(50)
                let limited = configuration
                let error = await #expect(throws: IOError.self) {
                    try await ChildProcess.run(limited, on: loop)
                }
                #expect(error?.code == .timedOut)
                #expect(error?.reason == "it did not end within 100 ms")
                // Others that hold the output do not hold the end up.
                configuration = ChildProcessTests.shell("sleep 1000 & echo $!; wait")
                configuration.createSession = true
                configuration.timeout = .milliseconds(100)
                let holding = configuration
                let second = await #expect(throws: IOError.self) {
                    try await ChildProcess.run(holding, on: loop)
                }
                #expect(second?.code == .timedOut)
            }
        }

        @Test func `a program that ends in time leaves no deadline`() async throws {
            try await ChildProcessTests.withLoop { loop in
                var configuration = ChildProcessTests.shell("exit 0")
                configuration.timeout = .seconds(1000)
                let result = try await ChildProcess.run(configuration, on: loop)
                #expect(result.terminationStatus.isSuccess)
                #expect(await loop.run { $0.core.timers.count } == 0)
            }
        }

        @Test func `a session of its own gets its signals as a group`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let child = try await Self.started(
                    "sleep 1000 & echo ready; ps -o pgid=,sid= -p $$; wait", on: loop
                ) { $0.createSession = true }
                var lines = child.standardOutput!.inbound.lines.makeAsyncIterator()
                let numbers = try #require(try await lines.next())
                    .split(separator: " ").compactMap { Int32($0) }
                #expect(numbers == [child.processID, child.processID])
                try await child.send(.terminate, toProcessGroup: true)
                #expect(try await child.wait() == .signaled(.terminate))
                // The output ends when the last that holds it has ended, which is the sleeper.
                #expect(try await lines.next() == nil)
            }
        }

        @Test func `a cancelled wait leaves the program alone`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let child = try await Self.started("echo ready; read x; exit 4", on: loop) {
                    $0.standardInput = .stream
                }
                let wait = loop.task { try await child.wait() }
                wait.cancel()
                await #expect(throws: CancellationError.self) { try await wait.value }
                try await child.standardInput!.close()
                #expect(try await child.wait() == .exited(4))
            }
        }

        @Test func `a cancelled run has ended its program when it returns`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let number = Recorder<Int32>()
                let started = Signal()
                var configuration = ChildProcessTests.shell(Self.stubborn)
                configuration.standardOutput = .stream
                configuration.terminationGrace = .milliseconds(20)
                let stubborn = configuration
                let run = loop.task {
                    try await ChildProcess.run(stubborn, on: loop) { child in
                        number.add(child.processID)
                        for try await _ in child.standardOutput!.inbound { started.fire() }
                    }
                }
                try await started.wait()
                run.cancel()
                await #expect(throws: CancellationError.self) { try await run.value }
                #expect(Self.isGone(number.all[0]))
            }
        }

        @Test func `a body that throws has its program ended`() async throws {
            struct Failed: Error {}
            try await ChildProcessTests.withLoop { loop in
                let number = Recorder<Int32>()
                await #expect(throws: Failed.self) {
                    try await ChildProcess.run(
                        .init(.name("sleep"), arguments: ["1000"]), on: loop
                    ) { child in
                        number.add(child.processID)
                        throw Failed()
                    }
                }
                #expect(Self.isGone(number.all[0]))
            }
        }

        @Test func `what is cancelled already starts nothing`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let run = loop.task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return try await ChildProcess.run(ChildProcessTests.shell("exit"), on: loop)
                }
                await #expect(throws: CancellationError.self) { try await run.value }
            }
        }

        @Test func `a timeout around a run ends the program`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let error = await #expect(throws: IOError.self) {
                    try await withTimeout(.milliseconds(50), "sleep") {
                        try await ChildProcess.run(
                            .init(.name("sleep"), arguments: ["1000"]), on: loop)
                    }
                }
                #expect(error?.code == .timedOut)
            }
        }

        @Test func `a dropped program is ended and waited for, wherever it is dropped`()
            async throws
        {
            try await ChildProcessTests.withLoop { loop in
                for isOnLoop in [true, false] {
                    var child: ChildProcess? = try await ChildProcess.spawn(
                        .init(.name("sleep"), arguments: ["1000"]), on: loop)
                    // Readable once it has ended. The watch has a duplicate, which outlives the child's own.
                    let descriptor = try #require(child?.core.descriptor)
                    let watch = try await DescriptorWatch.start(descriptor, on: loop)
                    if isOnLoop {
                        child = nil
                    } else {
                        let last = child
                        child = nil
                        await Task.detached { _ = last }.value
                    }
                    try await watch.readable()
                    await watch.close()
                }
            }
        }
    }
}
