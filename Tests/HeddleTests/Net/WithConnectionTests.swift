import Testing

@testable import Heddle

extension HeddleTests {
    /// Connections that live for a body.
    @Suite struct WithConnectionTests {
        @Test func `what the body wrote is sent, and then the connection closed`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let listener = try RawSocket.listening()
                defer { listener.close() }
                let unixAddress = UnixAddress.forTest()
                let unixListener = try RawSocket.listening(on: unixAddress)
                defer { unixListener.close() }
                let endpoint = try Endpoint("\(listener.address)")
                for loop in runtime.loops {
                    let answer = try await TCPConnection.withConnection(to: endpoint, on: loop) {
                        #expect(loop.isCurrent)
                        try await $0.write("over TCP")
                        return 1
                    }
                    let other = try await UnixConnection.withConnection(to: unixAddress, on: loop) {
                        #expect(loop.isCurrent)
                        try await $0.write("over a path")
                        return 2
                    }
                    #expect((answer, other) == (1, 2))
                    let peers = try (listener.accept(), unixListener.accept())
                    #expect(try peers.0.readToEnd() == Array("over TCP".utf8))
                    #expect(try peers.1.readToEnd() == Array("over a path".utf8))
                    peers.0.close()
                    peers.1.close()
                }
            }
        }

        @Test func `what the body throws is thrown, and the connection closed`() async throws {
            struct Mine: Error {}
            try await withTestLoop { loop in
                let listener = try RawSocket.listening()
                defer { listener.close() }
                let endpoint = try Endpoint("\(listener.address)")
                await #expect(throws: Mine.self) {
                    try await TCPConnection.withConnection(to: endpoint, on: loop) {
                        try await $0.write("before")
                        throw Mine()
                    }
                }
                let peer = try listener.accept()
                #expect(try peer.readToEnd() == Array("before".utf8))
                peer.close()
            }
        }

        @Test func `nothing runs where nobody listens`() async throws {
            try await withTestLoop { loop in
                await expectError(.connectionRefused) {
                    try await TCPConnection.withConnection(to: "127.0.0.1:1", on: loop) {
                        _ -> Void in
                        Issue.record("it ran")
                    }
                }
                await expectError(.connectionRefused) {
                    try await UnixConnection.withConnection(to: .forTest(), on: loop) { _ -> Void in
                        Issue.record("it ran")
                    }
                }
            }
        }

        /// The body waits for its peer, reading or writing, when its task is cancelled.
        @Test(arguments: [false, true])
        func `a cancelled task's body ends, and the connection at once`(writes: Bool) async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let listener = try RawSocket.listening()
                defer { listener.close() }
                let endpoint = try Endpoint("\(listener.address)")
                for loop in runtime.loops {
                    let isWaiting = Signal()
                    let task = Task {
                        try await TCPConnection.withConnection(to: endpoint, on: loop) { near in
                            isWaiting.fire()
                            while true {
                                if writes {
                                    try await near.write([UInt8](repeating: 1, count: 65536))
                                } else {
                                    _ = try await near.read()
                                }
                            }
                        }
                    }
                    let peer = try listener.accept()
                    try await isWaiting.wait()
                    task.cancel()
                    await #expect(throws: CancellationError.self) { try await task.value }
                    peer.close()
                }
            }
        }
    }
}
