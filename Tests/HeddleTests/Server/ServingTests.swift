import Glibc
import Synchronization
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct ServingTests {
        struct Failure: Error {}

        @Test(arguments: [1, 2, 4], ServerKind.all)
        func `every client is served, on the loop that owns its connection`(
            threads: Int, kind: ServerKind
        ) async throws {
            try await withTestRuntime(threads: threads) { runtime in
                try await serving(kind, on: runtime) { connection in
                    #expect(connection.core.loop.isCurrent)
                    #expect(EventLoop.current?.core === connection.core.loop)
                    for try await bytes in connection.inbound { try await connection.write(bytes) }
                } _: { server in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 0..<50 {
                            group.addTask {
                                let client = try await server.client(on: runtime.nextLoop)
                                try await client.write("client \(number)")
                                try await client.shutdownWrite()
                                var text = ""
                                for try await bytes in client.inbound { text += String(bytes) }
                                #expect(text == "client \(number)")
                            }
                        }
                        try await group.waitForAll()
                    }
                    #expect(server.statistics.acceptedConnections == 50)
                }
            }
        }

        @Test(arguments: ServerKind.all)
        func `clients that came before serving began are served`(kind: ServerKind) async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let server = try await kind.listen(on: runtime)
                let early = try server.rawClient()
                defer { early.close() }
                async let served: Void = server.serve { try await $0.write("served") }
                #expect(try early.readToEnd() == Array("served".utf8))
                try await server.stop()
                try await served
            }
        }

        @Test(arguments: [0, 1, 100_000, 8_000_000], ServerKind.all)
        func `what a handler wrote before it returned arrives whole`(count: Int, kind: ServerKind)
            async throws
        {
            try await withTestRuntime(threads: 1) { runtime in
                var options = ListenOptions()
                options.connection.limits.unsentHighWater = 64 << 20
                try await serving(kind, on: runtime, options: options) { connection in
                    try await connection.writePattern(count)
                } _: { server in
                    let peer = try server.rawClient(receiveBufferBytes: 8_192)
                    defer { peer.close() }
                    var pattern = Pattern()
                    var total = 0
                    while true {
                        // Slowly: a little at a time, through a small window.
                        let bytes = try peer.readOnce(upTo: 30_000)
                        if bytes.isEmpty { break }
                        expect(pattern.matches(bytes), true)
                        total += bytes.count
                    }
                    #expect(total == count)
                }
            }
        }

        @Test(arguments: ServerKind.all)
        func `a handler that throws ends its own connection only, and is reported`(kind: ServerKind)
            async throws
        {
            try await withTestRuntime(threads: 2) { runtime in
                let reports = Recorder<String>()
                let report: TestServer.ErrorHook = { error, peer in
                    reports.add("\(error) \(peer ?? "nobody")")
                }
                try await serving(kind, on: runtime, onError: report) { connection in
                    if try await connection.read() == "fail" { throw Failure() }
                    try await connection.write("fine")
                } _: { server in
                    let survivor = try server.rawClient()
                    for _ in 0..<20 {
                        let victim = try server.rawClient()
                        try victim.write("fail")
                        #expect(try victim.readToEnd().isEmpty)
                        victim.close()
                    }
                    try survivor.write("go on")
                    #expect(try survivor.readToEnd() == Array("fine".utf8))
                    survivor.close()
                    #expect(server.statistics.errors == 20)
                }
                #expect(reports.all == Array(repeating: "Failure() \(kind.peerHere)", count: 20))
            }
        }

        @Test(arguments: ServerKind.all)
        func `a handler that throws still has what it wrote sent`(kind: ServerKind) async throws {
            try await withTestRuntime(threads: 1) { runtime in
                try await serving(kind, on: runtime) { connection in
                    try await connection.write("sorry")
                    throw Failure()
                } _: { server in
                    let peer = try server.rawClient()
                    defer { peer.close() }
                    #expect(try peer.readToEnd() == Array("sorry".utf8))
                }
            }
        }

        @Test(arguments: ServerKind.all)
        func `serving a second time is refused, and the first goes on`(kind: ServerKind)
            async throws
        {
            try await withTestRuntime(threads: 1) { runtime in
                try await serving(kind, on: runtime) {
                    try await $0.write("first")
                } _: { server in
                    let before = try server.rawClient()
                    #expect(try before.readToEnd() == Array("first".utf8))
                    before.close()
                    let error = await #expect(throws: IOError.self) {
                        try await server.serve { try await $0.write("second") }
                    }
                    #expect(error?.code == .busy)
                    let after = try server.rawClient()
                    #expect(try after.readToEnd() == Array("first".utf8))
                    after.close()
                }
            }
        }

        @Test(arguments: ServerKind.all)
        func `the counts of a server add up`(kind: ServerKind) async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let server = try await kind.listen(on: runtime)
                async let served: Void = server.serve { connection in
                    for try await bytes in connection.inbound { try await connection.write(bytes) }
                }
                for _ in 0..<30 {
                    let peer = try server.rawClient()
                    try peer.write("12345")
                    #expect(try peer.read(exactly: 5).count == 5)
                    peer.close()
                }
                try await server.stop()
                try await served
                let statistics = server.statistics
                #expect(statistics.acceptedConnections == 30)
                #expect(statistics.openConnections == 0)
                #expect(statistics.errors == 0)
                #expect(statistics.bytesSent == 150)
            }
        }

        @Test(arguments: ServerKind.all)
        func `cancelling the task that serves ends connections and returns`(kind: ServerKind)
            async throws
        {
            try await withTestRuntime(threads: 2) { runtime in
                let server = try await kind.listen(on: runtime)
                let started = Signal(after: 4)
                let ended = Counter()
                let serving = Task {
                    try await server.serve { connection in
                        started.fire()
                        defer { ended.add() }
                        _ = try await connection.read()
                    }
                }
                let peers = try (0..<4).map { _ in try server.rawClient()
                }
                try await started.wait()
                serving.cancel()
                try await waiting { try await serving.value }
                #expect(ended.value == 4)
                for peer in peers { peer.close() }
            }
        }

        // MARK: Leaks

        @Test(arguments: ServerKind.all)
        func `a server that its own handler and hook refer to is let go`(kind: ServerKind)
            async throws
        {
            try await withTestRuntime(threads: 2) { runtime in
                let found = WeakServer()
                do {
                    let server = try await kind.listen(on: runtime)
                    found.server = server.object
                    let hook: TestServer.ErrorHook = { _, _ in _ = server.statistics }
                    let served = Task {
                        try await server.serve(onError: hook) { _ in
                            Task { try await server.stop(within: .seconds(5)) }
                        }
                    }
                    let peer = try server.rawClient()
                    #expect(try peer.readToEnd().isEmpty)
                    peer.close()
                    try await served.value
                }
                try await waiting {
                    // Sleeps: between looks, since nobody is told when the last reference goes.
                    while found.server != nil { try await Task.sleep(for: .milliseconds(1)) }
                }
            }
        }

        @Test(arguments: ServerKind.all)
        func `a thousand reconnects leave nothing`(kind: ServerKind) async throws {
            // FAULTS.md L5: timers and handles at the baseline.
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                try await serving(kind, on: runtime) { connection in
                    for try await bytes in connection.inbound { try await connection.write(bytes) }
                } _: { server in
                    let (handles, timers) = await loop.run {
                        ($0.core.uv.liveDescription, $0.core.timers.count)
                    }
                    for round in 0..<1_000 {
                        let client = try await server.client(on: loop)
                        try await client.write("\(round)")
                        #expect(try await client.read() == Bytes("\(round)"))
                        try await client.close()
                    }
                    try await expectNoConnections(on: loop)
                    let after = await loop.run {
                        ($0.core.uv.liveDescription, $0.core.timers.count)
                    }
                    #expect(after.0 == handles)
                    #expect(after.1 == timers)
                }
            }
        }

        @Test(arguments: ServerKind.all)
        func `connecting, echoing and closing has no slope in descriptors`(kind: ServerKind)
            async throws
        {
            try await withTestRuntime(threads: 1, limit: .seconds(600)) { runtime in
                try await servingObjects(kind, on: runtime, objects: { OneEcho() }) { server in
                    var most = 0
                    let base = ResourceCheck.openDescriptors().count
                    for round in 0..<TestScale.times(5_000, full: 1_000_000) {
                        let peer = try server.rawClient()
                        try peer.write("x")
                        _ = try peer.read(exactly: 1)
                        round % 2 == 0 ? peer.close() : peer.reset()
                        if round % 500 == 0 {
                            try await expectNoConnections(on: runtime.loops[0])
                            most = max(most, ResourceCheck.openDescriptors().count)
                        }
                    }
                    #expect(most <= base + 1)
                }
            }
        }
    }
}

private final class OneEcho: StreamHandler {
    func received(_ bytes: RawSpan, on stream: SynchronousStream) { stream.write(bytes) }
}

// Sendable: set once, before anybody else looks.
private final class WeakServer: @unchecked Sendable {
    weak var server: AnyObject?
}
