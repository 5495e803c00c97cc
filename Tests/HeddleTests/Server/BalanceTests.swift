import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct BalanceTests {
        @Test func `the kernel gives every listening socket its part`() async throws {
            let counts = try await Self.spread(.reusePort, connections: 200, loops: 4)
            #expect(counts.count == 4)
            #expect(counts.reduce(0, +) == 200)
            // Hashed by address: far from equal, but none is left out.
            #expect(counts.allSatisfy { $0 >= 20 }, "\(counts)")
        }

        @Test(arguments: [1, 2, 3, 4])
        func `in turn means exactly equal`(loops: Int) async throws {
            let counts = try await Self.spread(.roundRobin, connections: 60, loops: loops)
            #expect(counts == Array(repeating: 60 / loops, count: loops))
        }

        @Test(arguments: [1, 2, 3, 4], [false, true])
        func `the fewest connections means equal within one`(loops: Int, atOnce: Bool) async throws
        {
            let counts = try await Self.spread(
                .leastConnections, connections: 61, loops: loops, atOnce: atOnce)
            #expect(counts.reduce(0, +) == 61)
            #expect(counts.max()! - (counts.count < loops ? 0 : counts.min()!) <= 1, "\(counts)")
        }

        @Test func `the fewest connections fills up the loop that lost some`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                var options = ListenOptions()
                options.balance = .leastConnections
                let places = Recorder<String>()
                try await serving(on: runtime, options: options, grace: .zero) { connection in
                    places.add(connection.core.loop.name)
                    try await connection.write(Bytes(connection.core.loop.name))
                    _ = try await connection.read()
                } _: { server in
                    var peers: [(RawSocket, String)] = []
                    for _ in 0..<10 {
                        let peer = try RawSocket.connected(to: server.localAddress)
                        peers.append((peer, String(decoding: try peer.readOnce(), as: UTF8.self)))
                    }
                    let first = runtime.loops[0].name
                    for (peer, place) in peers where place == first { peer.close() }
                    try await expectNoConnections(on: runtime.loops[0])
                    var fresh: [RawSocket] = []
                    for _ in 0..<5 {
                        let peer = try RawSocket.connected(to: server.localAddress)
                        #expect(String(decoding: try peer.readOnce(), as: UTF8.self) == first)
                        fresh.append(peer)
                    }
                    for peer in fresh { peer.close() }
                    for (peer, place) in peers where place != first { peer.close() }
                }
            }
        }

        @Test func `what a loop was given counts before the loop serves it`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (address, shares) = try await Self.shares(on: runtime.loops)
                let places = Recorder<String>()
                let all = Signal(after: 20)
                let serve: @Sendable (ServerShare) async throws -> Void = { share in
                    try await share.serve(
                        .tcp { connection in
                            places.add(connection.core.loop.name)
                            all.fire()
                            _ = try await connection.read()
                        })
                }
                let first = runtime.loops[0].task { try await serve(shares[0]) }
                var peers: [RawSocket] = []
                // The second share is not served yet: it sets aside what it is given.
                for count in 1...20 {
                    peers.append(try .connected(to: address))
                    try await waiting("connection \(count)") {
                        while shares.reduce(0, { $0 + $1.core.openConnections }) < count {
                            try await runtime.loops[1].clock.sleep(for: .milliseconds(1))
                        }
                        await runtime.loops[1].run { _ in }
                    }
                }
                let second = runtime.loops[1].task { try await serve(shares[1]) }
                try await waiting { try await all.wait() }
                let counts = Dictionary(grouping: places.all, by: \.self).mapValues(\.count)
                #expect(counts.count == 2 && Set(counts.values) == [10], "\(counts)")
                for peer in peers { peer.close() }
                for share in shares { try await share.core.hop { await share.drain(until: .max) } }
                try await first.value
                try await second.value
            }
        }

        /// The shares of a server, the first of which listens, and its address.
        private static func shares(
            on loops: [EventLoop]
        ) async throws -> (SocketAddress, [ServerShare]) {
            var options = ListenOptions()
            options.balance = .leastConnections
            let placement = Placement(options.balance)
            let listening = try ListeningSockets(.loopback(port: 0), count: 1, options: options)
            let reports = ServerReports()
            let shares = loops.map {
                ServerShare(
                    core: $0.core, address: .internet(listening.address),
                    maximumConnections: options.maximumConnectionsPerLoop,
                    settings: StreamSettings(limits: options.connection.limits),
                    placement: placement, reports: reports)
            }
            placement.setShares(shares)
            for share in shares { try await share.core.hop { share.core.addMember(share) } }
            try await shares[0].core.hop { try shares[0].listen(on: listening.sockets[0]) }
            return (listening.address, shares)
        }

        /// How many of `connections` each loop got that got any.
        private static func spread(
            _ balance: ListenOptions.Balance, connections: Int, loops: Int, atOnce: Bool = true
        ) async throws -> [Int] {
            let places = Recorder<String>()
            try await withTestRuntime(threads: loops) { runtime in
                var options = ListenOptions()
                options.balance = balance
                let server = try await runtime.listen(on: .loopback(port: 0), options: options)
                let all = Signal(after: connections)
                var peers: [RawSocket] = []
                // At once: all wait in the backlog, so that they are taken in batches.
                if atOnce {
                    for _ in 0..<connections {
                        peers.append(try .connected(to: server.localAddress))
                    }
                }
                let served = Task {
                    try await server.serve { connection in
                        places.add(connection.core.loop.name)
                        try await connection.write("!")
                        all.fire()
                        _ = try await connection.read()
                    }
                }
                while peers.count < connections {
                    let peer = try RawSocket.connected(to: server.localAddress)
                    _ = try peer.read(exactly: 1)
                    peers.append(peer)
                }
                try await waiting { try await all.wait() }
                for peer in peers { peer.close() }
                try await server.stop()
                try await served.value
            }
            return Array(Dictionary(grouping: places.all, by: \.self).mapValues(\.count).values)
        }
    }
}
