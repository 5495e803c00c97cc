import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// Senders whose receiver's queue is full: they wait, and waiting costs nothing.
    @Suite struct UnixDatagramWaitingTests {
        /// A receiver that takes nothing by itself.
        private static func receiver() throws -> (RawSocket, UnixAddress) {
            let address = UnixAddress.forTest()
            return (try RawSocket.bound(to: address, type: SOCK_DGRAM), address)
        }

        /// Fills a receiver's queue, starts sending there without end, and waits until that waits.
        private static func fill(
            _ address: UnixAddress, from socket: UnixDatagramSocket, on loop: EventLoop
        ) async throws -> Task<Void, any Error> {
            try RawSocket.fillQueue(of: address)
            let destination = socket.core.isConnected ? nil : address
            let filling = loop.task {
                while true { try await socket.send("fill", to: destination) }
            }
            try await untilWaiting(1, on: socket, loop)
            return filling
        }

        /// What a receiver gets by that.
        private static let filler = ["full", "fill"].map { Array($0.utf8) }

        private static func untilWaiting(
            _ count: Int, on socket: UnixDatagramSocket, _ loop: EventLoop
        ) async throws {
            let core = socket.core
            try await waiting {
                while (core.isConnected ? core.writers : core.blocked).count < count {
                    try await loop.clock.sleep(for: .milliseconds(1))
                }
            }
        }

        /// Has the socket send to a receiver that takes nothing: past the quarter of the send buffer at which poll(2) no
        /// longer calls the socket writable, and short of its end.
        private static func fillMuch(
            of socket: UnixDatagramSocket, with address: UnixAddress
        ) async throws {
            let large = Bytes(repeatElement(1, count: 9_000))
            for _ in 0..<8 { try await socket.send(large, to: address) }
            #expect(!socket.core.socket.isSendBufferFull)
        }

        private static func sender(
            to address: UnixAddress, connected: Bool, on loop: EventLoop
        ) async throws -> UnixDatagramSocket {
            connected
                ? try await .connect(to: address, on: loop) : try await .open(on: loop)
        }

        private static func expectCancelled(_ task: Task<Void, any Error>) async {
            await #expect(throws: CancellationError.self) {
                try await waiting { try await task.value }
            }
        }

        @Test(arguments: [false, true])
        func `senders wait while the queue is full, without spinning, and go on`(
            connected: Bool
        ) async throws {
            try await withTestLoop { loop in
                let (raw, address) = try Self.receiver()
                defer { raw.close() }
                let socket = try await Self.sender(to: address, connected: connected, on: loop)
                let filling = try await Self.fill(address, from: socket, on: loop)
                let to = connected ? nil : address
                let many = loop.task {
                    try await socket.send((0..<100).map { UnixDatagram(Bytes("\($0)"), to: to) })
                }
                try await Self.untilWaiting(2, on: socket, loop)
                let span = Duration.milliseconds(200)
                let before = ThreadTime.used
                try await loop.clock.sleep(for: span)
                // A loop that spins has all of it.
                #expect(ThreadTime.used - before < span / 5)
                filling.cancel()
                await Self.expectCancelled(filling)
                var numbers: [[UInt8]] = []
                while numbers.count < 100 {
                    if raw.waitReadable(milliseconds: 0) {
                        let bytes = try raw.receiveDatagram()
                        if !Self.filler.contains(bytes) { numbers.append(bytes) }
                    } else {
                        await Task.yield()
                    }
                }
                #expect(numbers == (0..<100).map { Array("\($0)".utf8) })
                #expect(try await many.value.isEmpty)
                await socket.close()
            }
        }

        @Test func `a receiver that takes lets its senders on at once, not at intervals`()
            async throws
        {
            try await withTestLoop { loop in
                let (raw, address) = try Self.receiver()
                defer { raw.close() }
                try RawSocket.fillQueue(of: address)
                let socket = try await UnixDatagramSocket.open(on: loop)
                let sending = loop.task {
                    for _ in 0..<5_000 { try await socket.send("x", to: address) }
                }
                try await Self.untilWaiting(1, on: socket, loop)
                var taken = 0
                while taken < 5_000 {
                    // Off the loop, so that it can wait for the kernel meanwhile.
                    if raw.waitReadable(milliseconds: 0) {
                        if !Self.filler.contains(try raw.receiveDatagram()) { taken += 1 }
                    } else {
                        await Task.yield()
                    }
                }
                try await waiting { try await sending.value }
                #expect(socket.core.probes.count == 1)
                await socket.close()
                #expect(socket.core.probes.isEmpty)
            }
        }

        @Test func `one full receiver does not hold up the senders to others`() async throws {
            try await withTestLoop { loop in
                let (raw, address) = try Self.receiver()
                defer { raw.close() }
                let socket = try await UnixDatagramSocket.bind(to: .forTest(), on: loop)
                let filling = try await Self.fill(address, from: socket, on: loop)
                for _ in 0..<1_000 {
                    try await socket.send("x", to: socket.localAddress)
                    #expect(try await waiting { try await socket.receive() }.bytes == "x")
                }
                filling.cancel()
                await Self.expectCancelled(filling)
                await socket.close()
            }
        }

        @Test func `a send buffer that others fill does not hold up who has room for a while`()
            async throws
        {
            try await withTestLoop { loop in
                let (silent, full) = try Self.receiver()
                let (raw, address) = try Self.receiver()
                let socket = try await UnixDatagramSocket.open(on: loop)
                try await Self.fillMuch(of: socket, with: full)
                let filling = try await Self.fill(address, from: socket, on: loop)
                var taken = 0
                while taken < 100 {
                    try await waiting {
                        while !raw.waitReadable(milliseconds: 0) {
                            try await loop.clock.sleep(for: .milliseconds(1))
                        }
                    }
                    let bytes = try raw.receiveDatagram()
                    #expect(Self.filler.contains(bytes))
                    if bytes == Array("fill".utf8) { taken += 1 }
                }
                filling.cancel()
                await Self.expectCancelled(filling)
                // Until its end: then the kernel has room for nobody.
                let more = loop.task {
                    while true {
                        try await socket.send(Bytes(repeatElement(1, count: 60_000)), to: full)
                    }
                }
                try await Self.untilWaiting(1, on: socket, loop)
                let one = loop.task { try await socket.send("one", to: address) }
                more.cancel()
                await Self.expectCancelled(more)
                for socket in [silent, raw] {
                    while socket.waitReadable(milliseconds: 0) { _ = try socket.readOnce() }
                }
                try await waiting { try await one.value }
                await socket.close()
                silent.close()
                raw.close()
            }
        }

        @Test(arguments: [false, true])
        func `a send buffer that others fill lets those who send many in a row go on`(
            many: Bool
        ) async throws {
            try await withTestLoop { loop in
                let (silent, full) = try Self.receiver()
                let receiver = try await UnixDatagramSocket.bind(to: .forTest(), on: loop)
                let socket = try await UnixDatagramSocket.open(on: loop)
                try await Self.fillMuch(of: socket, with: full)
                // As many as wait for the loop's other work twice.
                let sent = [UnixDatagram](
                    repeating: UnixDatagram("x", to: receiver.localAddress),
                    count: 2 * DatagramCore.sentPerTurn + 1)
                let sending = loop.task {
                    if many { return try await socket.send(sent) }
                    for datagram in sent { try await socket.send(datagram) }
                    return []
                }
                try await waiting {
                    var taken = 0
                    while taken < sent.count { taken += try await receiver.receiveBatch().count }
                }
                #expect(try await waiting { try await sending.value }.isEmpty)
                await socket.close()
                await receiver.close()
                silent.close()
            }
        }

        @Test func `more receivers than are watched are waited for all the same`() async throws {
            try await withTestLoop { loop in
                let socket = try await UnixDatagramSocket.open(on: loop)
                let receivers = try (0..<12).map { _ in try Self.receiver() }
                for (_, address) in receivers { try RawSocket.fillQueue(of: address) }
                let sending = receivers.map { _, address in
                    loop.task {
                        for _ in 0..<40 { try await socket.send("x", to: address) }
                    }
                }
                try await Self.untilWaiting(12, on: socket, loop)
                #expect(socket.core.probes.count == UnixDatagramCore.maximumProbes)
                try await waiting {
                    for (raw, _) in receivers {
                        var taken = 0
                        while taken < 40 {
                            if raw.waitReadable(milliseconds: 0) {
                                let bytes = try raw.receiveDatagram()
                                if Self.filler.contains(bytes) { continue }
                                taken += bytes == [UInt8(ascii: "x")] ? 1 : 100
                            } else {
                                try await loop.clock.sleep(for: .milliseconds(1))
                            }
                        }
                        #expect(taken == 40)
                    }
                }
                for task in sending { try await task.value }
                await socket.close()
                for (raw, _) in receivers { raw.close() }
            }
        }

        @Test(arguments: [false, true])
        func `a receiver that goes ends the waits with its error`(connected: Bool) async throws {
            try await withTestLoop { loop in
                let (raw, address) = try Self.receiver()
                let socket = try await Self.sender(to: address, connected: connected, on: loop)
                let filling = try await Self.fill(address, from: socket, on: loop)
                let one = loop.task {
                    try await socket.send("one", to: connected ? nil : address)
                }
                try await Self.untilWaiting(2, on: socket, loop)
                raw.close()
                for task in [filling, one] {
                    await expectError(.connectionRefused) {
                        try await waiting { try await task.value }
                    }
                }
                await socket.close()
            }
        }

        @Test(arguments: [false, true])
        func `a socket that takes over the address of a full one is found`(
            leaves: Bool
        ) async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("service")
                let address = try UnixAddress(path: path)
                let first = try RawSocket.bound(to: address, type: SOCK_DGRAM)
                let socket = try await UnixDatagramSocket.open(on: loop)
                let filling = try await Self.fill(address, from: socket, on: loop)
                unlink(path.string)
                let second = try RawSocket.bound(to: address, type: SOCK_DGRAM)
                // Also while the old one is still there and full.
                if leaves { first.close() }
                try await waiting {
                    while !second.waitReadable(milliseconds: 0) {
                        try await loop.clock.sleep(for: .milliseconds(1))
                    }
                }
                filling.cancel()
                await Self.expectCancelled(filling)
                await socket.close()
                if !leaves { first.close() }
                second.close()
            }
        }

        @Test(arguments: [false, true], [false, true])
        func `a close and a stop end the waits`(connected: Bool, stops: Bool) async throws {
            let worker = Worker(name: "waiting")
            try worker.start()
            let loop = try worker.loop
            let (raw, address) = try Self.receiver()
            defer { raw.close() }
            let (socket, filling) = try await loop.task {
                let socket = try await Self.sender(to: address, connected: connected, on: loop)
                return (socket, try await Self.fill(address, from: socket, on: loop))
            }.value
            if stops { try await worker.stop(within: .zero) } else { await socket.close() }
            await expectError(stops ? .loopStopped : .closed) {
                try await waiting { try await filling.value }
            }
            try await worker.stop()
            await expectNothingLeft(on: loop)
        }
    }
}
