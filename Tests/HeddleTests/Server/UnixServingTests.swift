import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct UnixServingTests {
        @Test(arguments: UnixListenOptions.Balance.allCases)
        func `connections are spread over the loops`(
            balance: UnixListenOptions.Balance
        ) async throws {
            try await withTestRuntime(threads: 2) { runtime in
                var options = UnixListenOptions()
                options.balance = balance
                let places = Recorder<String>()
                let all = Signal(after: 20)
                try await servingUnix(on: runtime, options: options) { connection in
                    places.add(connection.core.loop.name)
                    all.fire()
                    _ = try await connection.read()
                } _: { server in
                    let peers = try (0..<20).map { _ in
                        try RawSocket.connected(to: server.localAddress)
                    }
                    try await waiting { try await all.wait() }
                    for peer in peers { peer.close() }
                }
                let counts = Dictionary(grouping: places.all, by: \.self).mapValues(\.count)
                #expect(counts.count == 2 && Set(counts.values) == [10], "\(counts)")
            }
        }

        @Test func `a handler that throws is reported with who was there`() async throws {
            struct Failure: Error {}
            try await withTestRuntime(threads: 2) { runtime in
                let reports = Recorder<String>()
                let report: UnixServer.ErrorHook = { error, peer in
                    reports.add("\(error) \(peer?.processID == getpid())")
                }
                try await servingUnix(on: runtime, onError: report) { connection in
                    if try await connection.read() == "fail" { throw Failure() }
                    try await connection.write("fine")
                } _: { server in
                    let survivor = try RawSocket.connected(to: server.localAddress)
                    for _ in 0..<10 {
                        let victim = try RawSocket.connected(to: server.localAddress)
                        try victim.write("fail")
                        #expect(try victim.readToEnd().isEmpty)
                        victim.close()
                    }
                    try survivor.write("go on")
                    #expect(try survivor.readToEnd() == Array("fine".utf8))
                    survivor.close()
                    #expect(server.statistics.errors == 10)
                    #expect(server.statistics.acceptedConnections == 11)
                }
                #expect(reports.all == Array(repeating: "Failure() true", count: 10))
            }
        }

        @Test func `a server is served once`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let box = Recorder<UnixServer>()
                try await servingUnix(on: runtime) { _ in
                } _: { server in
                    try RawSocket.connected(to: server.localAddress).close()
                    try await waiting {
                        while server.statistics.acceptedConnections == 0 { await Task.yield() }
                    }
                    let error = await #expect(throws: IOError.self) {
                        try await server.serve { _ in }
                    }
                    #expect(error?.code == .busy)
                    #expect(error?.subject == server.localAddress.description)
                    box.add(server)
                }
                let error = await #expect(throws: IOError.self) {
                    try await box.all[0].serve { _ in }
                }
                #expect(error?.code == .closed)
                box.removeAll()
            }
        }

        @Test func `a stop lets handlers end, and cancels those that do not`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let cancelled = Signal(after: 2)
                let server = try await runtime.listen(on: .forTest())
                let serve = Task {
                    try await server.serve { connection in
                        do {
                            _ = try await connection.read()
                            _ = try await connection.read()
                        } catch is CancellationError {
                            cancelled.fire()
                        }
                    }
                }
                let peers = try (0..<2).map { _ in
                    let peer = try RawSocket.connected(to: server.localAddress)
                    try peer.write("x")
                    return peer
                }
                try await waiting {
                    while server.statistics.openConnections < 2 { await Task.yield() }
                }
                try await waiting { try await server.stop(within: .milliseconds(20)) }
                try await waiting { try await cancelled.wait() }
                try await serve.value
                for peer in peers {
                    #expect(try peer.readToEnd().isEmpty)
                    peer.close()
                }
                await #expect(throws: IOError.self) { try await server.stop(within: .seconds(-1)) }
            }
        }

        @Test func `cancelling the serving task ends the server`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let server = try await runtime.listen(on: .forTest())
                let begun = Signal()
                let serve = Task {
                    try await server.serve { connection in
                        begun.fire()
                        _ = try await connection.read()
                    }
                }
                let peer = try RawSocket.connected(to: server.localAddress)
                defer { peer.close() }
                try await waiting { try await begun.wait() }
                serve.cancel()
                try await waiting { try await serve.value }
                #expect(throws: (any Error).self) {
                    try RawSocket.connected(to: server.localAddress)
                }
            }
        }

        @Test func `at its limit a server leaves the others in the backlog`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                var options = UnixListenOptions()
                options.maximumConnectionsPerLoop = 1
                try await servingUnix(on: runtime, options: options) { connection in
                    try await connection.write("in")
                    _ = try await connection.read()
                } _: { server in
                    let peers = try (0..<6).map { _ in
                        try RawSocket.connected(to: server.localAddress)
                    }
                    // Each has its turn when one before it has gone.
                    for peer in peers {
                        #expect(try peer.read(exactly: 2) == Array("in".utf8))
                        #expect(server.statistics.openConnections <= 2)
                        peer.close()
                    }
                }
            }
        }

        @Test(arguments: Seed.some(2))
        func `a stop during accepting, reading and writing ends everything once`(
            seed: Seed
        ) async throws {
            var random = seed.generator
            for _ in 0..<TestScale.times(30, full: 1_000) {
                let runtime = try Runtime.start(.init(threads: 2))
                let server = try await runtime.listen(on: .forTest())
                let serve = Task {
                    try await server.serve { connection in
                        for try await bytes in connection.inbound {
                            try await connection.write(bytes)
                        }
                    }
                }
                let address = server.localAddress
                let loop = runtime.loops[1]
                let clients = (0..<4).map { _ in
                    Task {
                        while true {
                            let client = try await UnixConnection.connect(to: address, on: loop)
                            try await client.write("ping")
                            _ = try await client.read(exactly: 4)
                            try await client.close()
                        }
                    }
                }
                for _ in 0..<Int.random(in: 0...200, using: &random) { await Task.yield() }
                try await waiting { try await runtime.stop(within: .zero) }
                try await waiting { try await serve.value }
                for client in clients { _ = try await waiting { await client.result } }
                for loop in runtime.loops { await expectNothingLeft(on: loop) }
            }
        }
    }
}
