import Testing

@testable import Heddle

extension HeddleTests {
    /// A server is served once, on all its loops or on none.
    @Suite struct ServeOnceTests {
        @Test func `of many that serve at once one wins, with every loop`() async throws {
            try await withTestRuntime(threads: 4) { runtime in
                for _ in 0..<TestScale.times(30, full: 1_000) {
                    let server = try await runtime.listen(on: .loopback(port: 0))
                    let refused = Signal(after: 3)
                    let codes = Recorder<IOError.Code?>()
                    let serving = (0..<4).map { number in
                        runtime.loops[number].task {
                            do {
                                try await server.serve { try await $0.write("\(number)") }
                                codes.add(nil)
                            } catch {
                                codes.add((error as? IOError)?.code)
                                refused.fire()
                            }
                        }
                    }
                    try await waiting { try await refused.wait() }
                    var answers: Set<String> = []
                    for _ in 0..<16 {
                        let peer = try RawSocket.connected(to: server.localAddress)
                        answers.insert(String(decoding: try peer.readToEnd(), as: UTF8.self))
                        peer.close()
                    }
                    #expect(answers.count == 1)
                    try await server.stop()
                    for task in serving { try await waiting { try await task.value } }
                    #expect(codes.all == [.busy, .busy, .busy, nil])
                }
            }
        }

        @Test func `serving again after the end is refused, not by silence`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let server = try await runtime.listen(on: .loopback(port: 0))
                try await server.stop()
                try await server.serve { _ in }
                for _ in 0..<2 {
                    let error = await #expect(throws: IOError.self) {
                        try await server.serve { _ in }
                    }
                    #expect(error?.code == .closed)
                    #expect(error?.subject == "\(server.localAddress)")
                }
            }
        }
    }
}
