import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// Sending while the kernel has no room. UDP over the loopback interface always has: a full socket drops.
    /// A pair of Unix datagram sockets behaves as a network card that is too slow.
    @Suite struct UDPWritingTests {
        /// A connected socket and its raw peer, which takes nothing by itself.
        private func pair(on loop: EventLoop) throws -> (UDPSocket, RawSocket) {
            var ends: [Int32] = [-1, -1]
            let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
            try #require(socketpair(AF_UNIX, type, 0, &ends) == 0)
            _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
            let core = try UDPCore(
                socket: Socket(descriptor: ends[0]), local: .loopback(port: 1),
                remote: .loopback(port: 2), options: UDPOptions(), on: loop.core)
            return (UDPSocket(core: core), RawSocket(ends[1]))
        }

        /// Sends until the kernel has no room left.
        private func fill(_ socket: UDPSocket, on loop: EventLoop) async throws {
            let filling = loop.task {
                while true { try await socket.send("fill") }
            }
            while socket.core.writers.isEmpty {
                try await loop.clock.sleep(for: .milliseconds(1))
            }
            filling.cancel()
            await #expect(throws: CancellationError.self) { try await filling.value }
        }

        private func drain(_ raw: RawSocket, on loop: EventLoop) async throws -> [[UInt8]] {
            var found: [[UInt8]] = []
            while raw.waitReadable(milliseconds: 0) { found.append(try raw.receiveDatagram()) }
            return found
        }

        @Test func `senders wait for room and go on`() async throws {
            try await withTestLoop { loop in
                let (socket, raw) = try pair(on: loop)
                defer { raw.close() }
                try await fill(socket, on: loop)
                let one = loop.task { try await socket.send("one") }
                let many = loop.task {
                    try await socket.send((0..<1_000).map { Datagram(Bytes("\($0)")) })
                }
                while socket.core.writers.count < 2 {
                    try await loop.clock.sleep(for: .milliseconds(1))
                }
                #expect(socket.core.interest == .writable)
                var found: [[UInt8]] = []
                while found.count(where: { $0 != Array("fill".utf8) }) < 1_001 {
                    found += try await drain(raw, on: loop)
                    await Task.yield()
                }
                try await one.value
                #expect(try await many.value.isEmpty)
                let numbers = found.filter { $0 != Array("fill".utf8) && $0 != Array("one".utf8) }
                #expect(numbers == (0..<1_000).map { Array("\($0)".utf8) })
                await socket.close()
            }
        }

        @Test(arguments: [false, true])
        func `who sends without end leaves the loop its turns`(many: Bool) async throws {
            try await withTestLoop { loop in
                let sink = try RawSocket.datagrams()
                defer { sink.close() }
                let address = sink.address
                let socket = try await UDPSocket.bind(to: .loopback(port: 0), on: loop)
                let sending = loop.task {
                    let datagrams = [Datagram](
                        repeating: Datagram("x", to: address), count: 10_000)
                    while true {
                        if many {
                            _ = try await socket.send(datagrams)
                        } else {
                            try await socket.send("x", to: address)
                        }
                    }
                }
                let listener = try await TCPListener.listen(on: .loopback(port: 0), loop: loop)
                for _ in 0..<20 {
                    // Each needs input and output of this loop.
                    async let accepted = listener.accept()
                    let connection = try await waiting {
                        try await TCPConnection.connect(to: listener.localAddress, on: loop)
                    }
                    try await connection.close()
                    try await accepted.close()
                }
                sending.cancel()
                await #expect(throws: CancellationError.self) {
                    try await waiting { try await sending.value }
                }
                #expect(await socket.statistics.sent > DatagramCore.sentPerTurn)
                await listener.close()
                await socket.close()
            }
        }

        @Test func `a close and a stop end the wait for room`() async throws {
            for stops in [false, true] {
                let worker = Worker(name: "writing")
                try worker.start()
                let loop = try worker.loop
                let (socket, raw) = try await loop.task { try pair(on: loop) }.value
                defer { raw.close() }
                try await loop.task { try await fill(socket, on: loop) }.value
                let sending = loop.task { try await socket.send("one") }
                let many = loop.task { try await socket.send([Datagram("x"), Datagram("y")]) }
                try await loop.task {
                    while socket.core.writers.count < 2 {
                        try await loop.clock.sleep(for: .milliseconds(1))
                    }
                }.value
                if stops { try await worker.stop(within: .zero) } else { await socket.close() }
                let waits: [@Sendable () async throws -> Void] = [
                    { try await sending.value }, { _ = try await many.value },
                ]
                for wait in waits {
                    let error = await #expect(throws: IOError.self) {
                        try await waiting { try await wait() }
                    }
                    #expect(error?.code == (stops ? .loopStopped : .closed))
                }
                try await worker.stop()
            }
        }
    }
}
