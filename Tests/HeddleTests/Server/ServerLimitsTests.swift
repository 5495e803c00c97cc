import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct ServerLimitsTests {
        @Test(arguments: ServerKind.balanced, [1, 2])
        func `no loop has more connections than the limit`(
            kind: ServerKind, loops: Int
        ) async throws {
            try await withTestRuntime(threads: loops) { runtime in
                var options = ListenOptions()
                options.maximumConnectionsPerLoop = 3
                let crowd = Crowd()
                try await serving(kind, on: runtime, options: options, grace: .zero) { connection in
                    crowd.enter(connection.core.loop.name)
                    defer { crowd.leave(connection.core.loop.name) }
                    try await connection.write("!")
                    _ = try await connection.read()
                } _: { server in
                    // Clients in the backlog have their turn as others leave, whichever loop they leave.
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<60 {
                            group.addTask {
                                let client = try await server.client(on: runtime.loops[0])
                                #expect(try await client.read() == "!")
                                try await client.close()
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                #expect(crowd.most <= 3)
                #expect(crowd.entered == 60)
            }
        }

        @Test(arguments: ServerKind.all)
        func `a loop at its limit does not hold up one with room`(kind: ServerKind) async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let kind = kind.balancing(.roundRobin)
                var options = ListenOptions()
                options.maximumConnectionsPerLoop = 2
                try await serving(kind, on: runtime, options: options, grace: .zero) { connection in
                    try await connection.write(Bytes(connection.core.loop.name))
                    _ = try await connection.read()
                } _: { server in
                    var peers: [(socket: RawSocket, loop: String)] = []
                    for _ in 0..<4 {
                        let peer = try server.rawClient()
                        peers.append((peer, String(decoding: try peer.readOnce(), as: UTF8.self)))
                    }
                    for loop in runtime.loops.map(\.name) {
                        // Only this loop has room, whichever turn it is.
                        for index in peers.indices where peers[index].loop == loop {
                            peers[index].socket.close()
                            let fresh = try server.rawClient()
                            #expect(String(decoding: try fresh.readOnce(), as: UTF8.self) == loop)
                            peers[index].socket = fresh
                        }
                    }
                    for peer in peers { peer.socket.close() }
                }
            }
        }

        @Test(arguments: ServerKind.balanced)
        func `clients that wait when serving begins are all served`(
            kind: ServerKind
        ) async throws {
            try await withTestRuntime(threads: 3) { runtime in
                for _ in 0..<TestScale.times(60, full: 1_000) {
                    let server = try await kind.listen(on: runtime)
                    let peers = try (0..<9).map { _ in
                        try server.rawClient()
                    }
                    let served = Task { try await server.serve { try await $0.write("served") } }
                    for peer in peers {
                        #expect(try peer.readToEnd() == Array("served".utf8))
                        peer.close()
                    }
                    try await server.stop()
                    try await served.value
                }
            }
        }
    }
}

/// How many connections each loop has at once.
// Sendable: everything is guarded by `lock`.
private final class Crowd: @unchecked Sendable {
    private let lock = Lock()
    private var inside: [String: Int] = [:]
    private var highest = 0
    private var total = 0

    func enter(_ loop: String) {
        lock.withLock {
            inside[loop, default: 0] += 1
            total += 1
            highest = max(highest, inside[loop] ?? 0)
        }
    }

    func leave(_ loop: String) { lock.withLock { inside[loop, default: 0] -= 1 } }
    var most: Int { lock.withLock { highest } }
    var entered: Int { lock.withLock { total } }
}
