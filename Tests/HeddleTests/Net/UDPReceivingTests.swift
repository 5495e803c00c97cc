import Testing

@testable import Heddle

extension HeddleTests {
    /// Who receives, cancelled and stopped at any moment; FAULTS.md N10, N11 and L12 for datagrams.
    @Suite struct UDPReceivingTests {
        private func bound(on loop: EventLoop) async throws -> UDPSocket {
            try await UDPSocket.bind(to: .loopback(port: 0), on: loop)
        }

        @Test func `a second receiver is told that there is one`() async throws {
            try await withTestLoop { loop in
                let socket = try await bound(on: loop)
                let first = loop.task { try await socket.receive() }
                try await loop.clock.sleep(for: .milliseconds(1))
                for second in [
                    { _ = try await socket.receive() }, { _ = try await socket.receiveBatch() },
                ] {
                    let error = await #expect(throws: IOError.self) { try await second() }
                    #expect(error?.code == .busy)
                }
                try await socket.send("x", to: socket.localAddress)
                #expect(try await waiting { try await first.value }.bytes == "x")
                await socket.close()
            }
        }

        @Test func `a cancelled receive loses no datagram`() async throws {
            let rounds = TestScale.times(1_000, full: 20_000)
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let socket = try await bound(on: loop)
                let sender = try RawSocket.datagrams()
                defer { sender.close() }
                for round in 0..<rounds {
                    let taking = loop.task { try await socket.receive() }
                    if round % 3 == 0 { await Task.yield() }
                    try sender.sendDatagram(Array("\(round)".utf8), to: socket.localAddress)
                    if round % 2 == 0 { await Task.yield() }
                    taking.cancel()
                    let datagram: Datagram
                    do {
                        datagram = try await taking.value
                    } catch is CancellationError {
                        datagram = try await waiting { try await socket.receive() }
                    }
                    #expect(datagram.bytes == Bytes("\(round)"))
                }
                await socket.close()
            }
        }

        @Test func `a cancelled task does not receive, whatever has come`() async throws {
            try await withTestLoop { loop in
                let socket = try await bound(on: loop)
                try await socket.send("x", to: socket.localAddress)
                try await socket.send("y", to: socket.localAddress)
                #expect(try await waiting { try await socket.receive() }.bytes == "x")
                let cancelled = loop.task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return try await socket.receive()
                }
                await #expect(throws: CancellationError.self) { try await cancelled.value }
                #expect(try await waiting { try await socket.receive() }.bytes == "y")
                await socket.close()
            }
        }

        @Test func `a stop of the loop ends receiving and sending`() async throws {
            // FAULTS.md L12.
            let peer = try RawSocket.datagrams()
            defer { peer.close() }
            let address = peer.address
            for round in 0..<TestScale.times(200, full: 1_000) {
                let worker = Worker(name: "datagrams")
                try worker.start()
                let loop = try worker.loop
                let socket = try await bound(on: loop)
                let ends = Recorder<IOError.Code>()
                let receiving = loop.task {
                    do { while true { _ = try await socket.receive() } } catch let error as IOError
                    {
                        ends.add(error.code)
                    }
                }
                let sending = loop.task {
                    let many = [Datagram](repeating: Datagram("x", to: address), count: 10)
                    do {
                        while true {
                            _ = try await socket.send(many)
                            try await socket.send("y", to: socket.localAddress)
                            await Task.yield()
                        }
                    } catch let error as IOError {
                        ends.add(error.code)
                    }
                }
                if round % 2 == 0 { await Task.yield() }
                try await waiting { try await worker.stop(within: .zero) }
                try await receiving.value
                try await sending.value
                #expect(ends.all == [.loopStopped, .loopStopped])
                await expectNothingLeft(on: loop)
            }
        }

        @Test func `after the end of its loop a socket says so`() async throws {
            let (socket, loop) = try await withTestLoop { loop in
                let socket = try await bound(on: loop)
                try await socket.send("x", to: socket.localAddress)
                _ = try await waiting { try await socket.receive() }
                return (socket, loop)
            }
            for operation in [
                { _ = try await socket.receive() },
                { try await socket.send("x", to: .loopback(port: 9)) },
                { _ = try await socket.send([Datagram("x", to: .loopback(port: 9))]) },
                { try await socket.join(group: "239.0.0.1") },
                { _ = try await UDPSocket.bind(to: .loopback(port: 0), on: loop) },
                { _ = try await UDPSocket.connect(to: .loopback(port: 9), on: loop) },
            ] {
                let error = await #expect(throws: IOError.self) { try await operation() }
                #expect(error?.code == .loopStopped)
            }
            await socket.close()
            #expect(await socket.statistics.received == 1)
        }

        @Test func `closing while another task receives in a batch ends both in order`()
            async throws
        {
            // libuv's traps of udp_mmsg: a close in the middle of a batch.
            try await withTestLoop { loop in
                for count in [1, 10, 64, 65, 200] {
                    let socket = try await bound(on: loop)
                    let datagram = Datagram("x", to: socket.localAddress)
                    let many = [Datagram](repeating: datagram, count: count)
                    #expect(try await socket.send(many).isEmpty)
                    var seen = 0
                    for try await datagram in socket.datagrams {
                        #expect(datagram.bytes == "x")
                        seen += 1
                        if seen == (count + 1) / 2 { await socket.close() }
                    }
                    #expect(seen == (count + 1) / 2)
                }
            }
        }
    }
}
