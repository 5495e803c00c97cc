import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct AcceptorTests {
        @Test func `accepting that cannot go on is told, and ends the server`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                var options = ListenOptions()
                options.maximumConnectionsPerLoop = 1
                let server = try await runtime.listen(on: .loopback(port: 0), options: options)
                let rival = Rival()
                let reports = Recorder<String>()
                let hook: TCPServer.ErrorHook = { error, peer in
                    reports.add("\(error) \(peer == nil)")
                    rival.poll?.close()
                }
                let started = Signal()
                let served = Task {
                    try await server.serve(onError: hook) { connection in
                        started.fire()
                        _ = try await connection.read()
                    }
                }
                let peer = try RawSocket.connected(to: server.localAddress)
                try await started.wait()
                // The acceptor rests at its limit. Another watch of its socket keeps it from going on, which
                // nothing but a bug of Heddle could bring about.
                try await loop.run { loop in
                    let uv = loop.core.uv
                    let acceptor = try #require(
                        uv.openHandles().compactMap { $0 as? Acceptor }.first)
                    let poll = try UVPoll(loop: uv, descriptor: acceptor.socket.socket.descriptor)
                    try poll.startReading()
                    rival.poll = poll
                }
                peer.close()
                let error = await #expect(throws: IOError.self) {
                    try await waiting { try await served.value }
                }
                #expect(error?.systemName == "EEXIST")
                #expect(error?.operation == "accept on")
                #expect(reports.all == ["\(error!) true"])
                #expect(server.statistics.errors == 1)
            }
        }

        // Sendable: used on one loop's thread alone.
        private final class Rival: @unchecked Sendable {
            var poll: UVPoll?
        }
    }
}
