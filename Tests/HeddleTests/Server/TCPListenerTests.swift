import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct TCPListenerTests {
        private func listener(on loop: EventLoop) async throws -> TCPListener {
            try await TCPListener.listen(on: .loopback(port: 0), loop: loop)
        }

        @Test func `each connection is taken once, by any of those who wait`() async throws {
            // Not on the loop: the raw sockets block.
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let listener = try await listener(on: loop)
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<4 {
                        group.addTask {
                            var taken = 0
                            for try await connection in listener.connections {
                                let bytes = try await connection.read()
                                try await connection.write(bytes ?? Bytes())
                                try await connection.close()
                                taken += 1
                            }
                            return taken
                        }
                    }
                    for number in 0..<200 {
                        let peer = try RawSocket.connected(to: listener.localAddress)
                        try peer.write("\(number)")
                        let echo = try peer.read(exactly: "\(number)".utf8.count)
                        #expect(echo == Array("\(number)".utf8))
                        peer.close()
                    }
                    await listener.close()
                    var total = 0
                    for try await taken in group { total += taken }
                    #expect(total == 200)
                }
            }
        }

        /// FAULTS.md N10, for accept: five hundred, a hundred thousand with `HEDDLE_TEST_SCALE=full`.
        @Test(arguments: Seed.some(1))
        func `an accept cancelled at a random moment loses no connection`(seed: Seed) async throws {
            // Not on the loop: the raw sockets block.
            try await withTestRuntime(threads: 1, limit: .seconds(300)) { runtime in
                let loop = runtime.loops[0]
                let listener = try await listener(on: loop)
                var random = seed.generator
                for _ in 0..<TestScale.times(500, full: 100_000) {
                    let taking = Task { try await listener.accept() }
                    for _ in 0..<Int.random(in: 0...3, using: &random) { await Task.yield() }
                    async let peer = RawSocket.connected(to: listener.localAddress)
                    for _ in 0..<Int.random(in: 0...8, using: &random) { await Task.yield() }
                    taking.cancel()
                    let taken: TCPConnection
                    do {
                        taken = try await taking.value
                    } catch is CancellationError {
                        taken = try await waiting { try await listener.accept() }
                    }
                    try await taken.write("x")
                    let socket = try await peer
                    #expect(try socket.read(exactly: 1) == Array("x".utf8))
                    socket.reset()
                    taken.reset()
                }
                try await expectNoConnections(on: loop)
                await listener.close()
            }
        }

        @Test func `a close ends every accept and frees the address`() async throws {
            try await withTestLoop { loop in
                let first = try await listener(on: loop)
                let address = first.localAddress
                let waits = (0..<3).map { _ in Task { try await first.accept() } }
                await Task.yield()
                await first.close()
                await first.close()
                for wait in waits {
                    let error = await #expect(throws: IOError.self) { try await wait.value }
                    #expect(error?.code == .closed)
                    #expect(error?.description.contains("\(address)") == true)
                }
                let second = try await TCPListener.listen(on: address, loop: loop)
                await second.close()
            }
        }

        @Test func `a stop of the loop ends an accept`() async throws {
            for _ in 0..<200 {
                let worker = Worker(name: "listening")
                try worker.start()
                let listener = try await listener(on: worker.loop)
                let wait = Task { try await listener.accept() }
                try await worker.stop(within: .zero)
                let error = await #expect(throws: IOError.self) { try await wait.value }
                #expect([IOError.Code.loopStopped, .closed].contains(error?.code))
            }
        }

        @Test func `a listener that is dropped gives its address back`() async throws {
            try await withTestLoop { loop in
                var address = SocketAddress.loopback(port: 0)
                for _ in 0..<50 {
                    let dropped = try await TCPListener.listen(on: address, loop: loop)
                    address = dropped.localAddress.with(port: 0)
                }
            }
        }

        @Test func `a connection whose taker was cancelled goes to the next one`() async throws {
            try await withTestLoop { loop in
                let core = loop.core
                let listening = try ListeningSockets(
                    .loopback(port: 0), count: 1, options: ListenOptions())
                let queue = AcceptQueue(
                    core: core, address: .internet(listening.address),
                    settings: StreamSettings(limits: StreamLimits()))
                try queue.listen(on: listening.sockets[0])
                let first = loop.task { try await queue.next() }
                let second = loop.task { try await queue.next() }
                // Both wait before anything comes.
                try await loop.clock.sleep(for: .milliseconds(1))
                let (near, far) = try RawSocket.pair()
                defer { far.close() }
                queue.accepted(Socket(descriptor: near.descriptor), from: nil)
                first.cancel()
                await #expect(throws: CancellationError.self) { try await first.value }
                let connection = try await waiting { try await second.value }
                try await connection.close()
                await queue.close()
            }
        }

        @Test func `what was accepted before accepting broke closes with the listener`()
            async throws
        {
            try await withTestRuntime(threads: 1) { runtime in
                let (accepted, peer) = try RawSocket.pair()
                defer { peer.close() }
                let address = UnixAddress.forTest()
                await runtime.loops[0].run { loop in
                    let queue = AcceptQueue(
                        core: loop.core, address: .unix(address),
                        settings: UnixListenOptions().settings(of: address))
                    queue.accepted(Socket(descriptor: accepted.descriptor), from: nil)
                    queue.acceptFailed(
                        IOError(.system, "accept on", on: "\(address)", reason: "a test"),
                        isFinal: true)
                    queue.beginClose()
                }
                #expect(try peer.readToEnd() == [])
            }
        }

        @Test func `an address in use is named`() async throws {
            try await withTestLoop { loop in
                let first = try await listener(on: loop)
                let error = await #expect(throws: IOError.self) {
                    try await TCPListener.listen(on: first.localAddress, loop: loop)
                }
                #expect(error?.code == .addressInUse)
                #expect(error?.description.contains("\(first.localAddress)") == true)
                await first.close()
            }
        }
    }
}
