import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// FAULTS.md N12: what a flood of datagrams may cost.
    @Suite struct UDPFloodTests {
        /// Sends without a pause until it is told to end.
        private final class Flood: Sendable {
            private let stopped = Signal()
            private let thread: LoopThread

            init(to address: SocketAddress, bytes: Int) throws {
                let stopped = stopped
                thread = try LoopThread(name: "flood") {
                    guard let socket = try? RawSocket.datagrams() else { return }
                    let datagram = [UInt8](repeating: 1, count: bytes)
                    while !stopped.hasFired {
                        for _ in 0..<64 { try? socket.sendDatagram(datagram, to: address) }
                    }
                    socket.close()
                }
            }

            func stop() {
                stopped.fire()
                thread.join()
            }
        }

        @Test(arguments: [0, 64, 60_000])
        func `what nobody takes is bounded, and the rest dropped and counted`(
            bytes: Int
        ) async throws {
            try await withTestLoop { loop in
                var options = UDPOptions()
                options.receiveQueueBytes = 64 * 1024
                let socket = try await UDPSocket.bind(
                    to: .loopback(port: 0), on: loop, options: options)
                let flood = try Flood(to: socket.localAddress, bytes: bytes)
                // From the first receive on the socket is read.
                _ = try await waiting { try await socket.receive() }
                while await socket.statistics.dropped < 1_000 || socket.core.isReceiving {
                    try await loop.clock.sleep(for: .milliseconds(1))
                }
                let held = socket.core.unread
                let batch =
                    ReceivedMessages.capacity * (bytes + DatagramQueue<Datagram>.overheadBytes)
                #expect(held.byteCount >= options.receiveQueueBytes)
                #expect(held.byteCount < options.receiveQueueBytes + batch)
                // It is not read any more, so it costs nothing.
                #expect(socket.core.isPaused && socket.core.interest.isEmpty)
                flood.stop()
                // What is held is taken in order, and then receiving goes on.
                for _ in 0..<held.count { _ = try await socket.receive() }
                try await waiting {
                    // Dropped too while the kernel's buffer is full, and then there is something to receive.
                    while true {
                        try await socket.send("after", to: socket.localAddress)
                        let batch = try await socket.receiveBatch()
                        if batch.contains(where: { $0.bytes == "after" }) { break }
                    }
                }
                await socket.close()
            }
        }

        @Test func `reading stays on while the taker keeps up`() async throws {
            try await withTestLoop { loop in
                var options = UDPOptions()
                // Less than one batch: full after each, and empty when the next one comes.
                options.receiveQueueBytes = 1_000
                let socket = try await UDPSocket.bind(
                    to: .loopback(port: 0), on: loop, options: options)
                let many = [Datagram](
                    repeating: Datagram("0123456789", to: socket.localAddress), count: 64)
                for _ in 0..<100 {
                    #expect(try await socket.send(many).isEmpty)
                    var left = 64
                    while left > 0 {
                        left -= try await waiting { try await socket.receiveBatch() }.count
                        #expect(socket.core.isReceiving)
                    }
                }
                #expect(await socket.statistics.dropped == 0)
                await socket.close()
            }
        }

        @Test func `a flood leaves TCP connections of the same loop their turns`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (loop, other) = (runtime.loops[0], runtime.loops[1])
                let socket = try await UDPSocket.bind(to: .loopback(port: 0), on: loop)
                let echoing = loop.task {
                    for try await batch in socket.batches { _ = try await socket.send(batch) }
                }
                let listener = try await TCPListener.listen(on: .loopback(port: 0), loop: loop)
                let serving = loop.task {
                    let connection = try await listener.accept()
                    for try await bytes in connection.inbound { try await connection.write(bytes) }
                    try await connection.close()
                }
                let flood = try Flood(to: socket.localAddress, bytes: 64)
                let longest = try await other.task {
                    let connection = try await TCPConnection.connect(
                        to: listener.localAddress, on: other)
                    var longest = Duration.zero
                    let clock = other.clock
                    for _ in 0..<200 {
                        let start = clock.now
                        try await connection.write("ping")
                        #expect(try await connection.read(exactly: 4) == "ping")
                        longest = max(longest, start.duration(to: clock.now))
                    }
                    try await connection.close()
                    return longest
                }.value
                flood.stop()
                // A turn of 64 datagrams takes a fraction of a millisecond; the rest is for a busy machine.
                #expect(longest < .seconds(5))
                #expect(await socket.statistics.received > 0)
                try await serving.value
                await listener.close()
                await socket.close()
                try await echoing.value
            }
        }

        @Test func `a turn of the loop takes one batch at most`() async throws {
            try await withTestLoop { loop in
                let socket = try await UDPSocket.bind(to: .loopback(port: 0), on: loop)
                let many = [Datagram](
                    repeating: Datagram("x", to: socket.localAddress), count: 200)
                #expect(try await socket.send(many).isEmpty)
                var batches: [Int] = []
                while batches.reduce(0, +) < 200 {
                    batches.append(try await waiting { try await socket.receiveBatch() }.count)
                }
                #expect(batches.allSatisfy { $0 <= 64 })
                await socket.close()
            }
        }
    }
}
