import Heddle
import TestSupport
import Testing

/// The code of the articles and of the documentation in the sources, as far as no sample has it. What stands
/// there stands here word for word (TidyTests sees to that), and does what the text around it says.
@Suite(.alone, .timeLimit(.minutes(2)))
struct DocumentationTests {
    /// Serves lines back on a loop of its own, while `body` runs on another.
    private func withLineServer(
        _ body: @escaping @Sendable (Endpoint, EventLoop) async throws -> Void
    ) async throws {
        try await Runtime.run(.init(threads: 2)) { runtime in
            let server = try await runtime.listen(on: .loopback(port: 0))
            let endpoint = try Endpoint("\(server.localAddress)")
            let serving = Task {
                try await server.serve { connection in
                    for try await line in connection.inbound.lines {
                        try await connection.write(line + "\n")
                    }
                }
            }
            let loop = runtime.loops[1]
            try await loop.task { try await body(endpoint, loop) }.value
            try await server.stop(within: .seconds(1))
            try await serving.value
        }
    }

    @Test func `getting started: a runtime inside a program`() async throws {
        let runtime = try Runtime.start(.init(threads: 2))
        let server = try await runtime.listen(on: .loopback(port: 0))
        let serving = Task {
            try await server.serve { connection in
                for try await bytes in connection.inbound { try await connection.write(bytes) }
            }
        }
        // … the rest of the program …
        try await runtime.stop(within: .seconds(5))
        try await serving.value
    }

    @Test func `getting started: errors say what was tried`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            var text = ""
            do {
                _ = try await TCPConnection.connect(to: "127.0.0.1:1", on: loop)
            } catch let error as IOError where error.code == .connectionRefused {
                text = "\(error)"
            }
            #expect(text == "connect to 127.0.0.1:1: connection refused (ECONNREFUSED)")
        }
    }

    @Test func `getting started: a bound on time`() async throws {
        try await withLineServer { endpoint, loop in
            let connection = try await TCPConnection.connect(to: endpoint, on: loop)
            try await connection.write("hello\n")
            let greeting = try await withTimeout(.seconds(2), "greeting") {
                try await connection.read()
            }
            #expect(greeting == "hello\n")
        }
    }

    @Test func `threading: three ways onto a loop`() async throws {
        try await withLineServer { endpoint, loop in
            let answer = try await loop.task {
                let connection = try await TCPConnection.connect(to: endpoint, on: loop)
                try await connection.write("hello\n")
                return try await connection.read()
            }.value
            let name = await loop.run { loop in loop.name }
            loop.post { print("soon, on the thread of \(loop.name)") }
            #expect(answer == "hello\n")
            #expect(name == loop.name)
        }
    }

    @Test func `threading: children stay on the loop`() async throws {
        try await withLineServer { _, loop in
            let areOnLoop = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<4 { group.addTask { loop.isCurrent } }
                return await group.allSatisfy { $0 }
            }
            #expect(areOnLoop)
        }
    }

    actor Counter {
        private let loop: EventLoop
        private var count = 0

        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

        init(on loop: EventLoop) { self.loop = loop }

        func add() -> Int {
            count += 1
            return count
        }
    }

    actor Room {
        private let loop: EventLoop
        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }
        init(on loop: EventLoop) { self.loop = loop }
    }

    @Test func `threading: an actor on a loop`() async throws {
        try await withLineServer { _, loop in
            let counter = Counter(on: loop)
            #expect(await counter.add() == 1)
            #expect(await counter.add() == 2)
        }
    }

    @Test func `a worker with a body ends with it and is stopped from outside`() async throws {
        @Sendable func poll() async throws {}
        let worker = Worker(name: "poller") { loop in
            for await _ in loop.ticks(every: .seconds(1)) { try await poll() }
        }
        try worker.start()
        try await worker.stop(within: .seconds(10))
    }

    @Test func `shutting down: without async code`() throws {
        let runtime = try Runtime.start(.init(threads: 1))
        runtime.requestStop(within: .seconds(5))
        try runtime.waitUntilStopped(timeout: .seconds(60))
    }

    @Test func `shutting down: a loop on the main thread`() throws {
        let answer = try Runtime.runBlocking(.init(threads: 1)) { runtime in
            try await runtime.nextLoop.clock.sleep(for: .milliseconds(1))
            return 42
        }
        #expect(answer == 42)
    }

    @Test func `a runtime as the scope of a server`() async throws {
        // Not run: it would serve for ever, on a port that may be taken.
        _ = {
            try await Runtime.run { runtime in
                try await runtime.serve("127.0.0.1:7000") { connection in
                    for try await bytes in connection.inbound { try await connection.write(bytes) }
                }
            }
        }
    }
}
