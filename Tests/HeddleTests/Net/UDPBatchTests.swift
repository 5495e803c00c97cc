import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct UDPBatchTests {
        private static func options(segmentation: Bool) -> UDPOptions {
            var options = UDPOptions()
            options.usesSegmentation = segmentation
            options.receiveBufferBytes = 4 << 20
            return options
        }

        /// Two sockets on one loop.
        private func withPair(
            segmentation: Bool,
            _ body:
                @escaping @Sendable (_ sender: UDPSocket, _ receiver: UDPSocket) async throws ->
                Void
        ) async throws {
            try await withTestLoop { loop in
                let options = Self.options(segmentation: segmentation)
                let sender = try await UDPSocket.bind(
                    to: .loopback(port: 0), on: loop, options: options)
                let receiver = try await UDPSocket.bind(
                    to: .loopback(port: 0), on: loop, options: options)
                try await body(sender, receiver)
                await sender.close()
                await receiver.close()
            }
        }

        private func receive(_ count: Int, from socket: UDPSocket) async throws -> [Datagram] {
            try await waiting {
                var found: [Datagram] = []
                while found.count < count { found += try await socket.receiveBatch() }
                return found
            }
        }

        @Test(arguments: [false, true])
        func `many datagrams arrive each by itself and in order`(segmentation: Bool) async throws {
            // libuv's udp_mmsg; more than a system call takes, and more than a message of several.
            try await withPair(segmentation: segmentation) { sender, receiver in
                let sent = (0..<300).map {
                    Datagram(
                        Bytes(repeatElement(UInt8($0 % 256), count: 64)), to: receiver.localAddress)
                }
                let failures = try await sender.send(sent)
                #expect(failures.isEmpty)
                let found = try await receive(300, from: receiver)
                #expect(found.map(\.bytes) == sent.map(\.bytes))
                #expect(found.allSatisfy { $0.remoteAddress == sender.localAddress })
                let statistics = await sender.statistics
                #expect(statistics.sent == 300 && statistics.sentBytes == 300 * 64)
            }
        }

        @Test(arguments: [false, true], Seed.some(3))
        func `datagrams of all sizes keep their bounds`(
            segmentation: Bool, seed: Seed
        ) async throws {
            try await withPair(segmentation: segmentation) { sender, receiver in
                var generator = seed.generator
                for _ in 0..<8 {
                    let sent = Self.someRuns(to: receiver.localAddress, using: &generator)
                    let failures = try await sender.send(sent)
                    #expect(failures.isEmpty)
                    let found = try await receive(sent.count, from: receiver)
                    #expect(found.map(\.bytes) == sent.map(\.bytes))
                }
            }
        }

        /// Runs of one size, some with a shorter last one, and empty ones in between. No more than a receive buffer
        /// takes where the system grants little (net.core.rmem_max): nobody receives before all are sent.
        private static func someRuns(
            to address: SocketAddress, using generator: inout some RandomNumberGenerator
        ) -> [Datagram] {
            var sent: [Datagram] = []
            var byteCount = 0
            while byteCount < 50_000, sent.count < 100 {
                let size = [0, 1, 64, 64, 64, 1_000, 1_400, 9_000].randomElement(
                    using: &generator)!
                let run = Int.random(in: 1...10, using: &generator)
                let bytes = Bytes(repeatElement(UInt8(sent.count), count: size))
                for _ in 0..<run { sent.append(Datagram(bytes, to: address)) }
                byteCount += run * size
            }
            return sent
        }

        @Test func `a shorter datagram ends a message of several`() async throws {
            try await withPair(segmentation: true) { sender, receiver in
                let sizes = [64, 64, 10, 64, 64, 64, 100, 100, 1, 1, 1, 2]
                let sent = sizes.map {
                    Datagram(Bytes(repeatElement(1, count: $0)), to: receiver.localAddress)
                }
                let failures = try await sender.send(sent)
                #expect(failures.isEmpty)
                #expect(try await receive(12, from: receiver).map(\.bytes.count) == sizes)
            }
        }

        @Test func `datagrams for several addresses go where they should`() async throws {
            try await withTestLoop { loop in
                let options = Self.options(segmentation: true)
                var receivers: [UDPSocket] = []
                for _ in 0..<4 {
                    receivers.append(
                        try await UDPSocket.bind(
                            to: .loopback(port: 0), on: loop, options: options))
                }
                let sender = try await UDPSocket.bind(to: .loopback(port: 0), on: loop)
                let sent = (0..<160).map {
                    Datagram(Bytes("\($0)"), to: receivers[$0 / 3 % 4].localAddress)
                }
                let failures = try await sender.send(sent)
                #expect(failures.isEmpty)
                for receiver in receivers {
                    let expected = sent.filter { $0.remoteAddress == receiver.localAddress }
                    let found = try await receive(expected.count, from: receiver)
                    #expect(found.map(\.bytes) == expected.map(\.bytes))
                    await receiver.close()
                }
                await sender.close()
            }
        }

        @Test(arguments: [false, true])
        func `each datagram that cannot be sent has its own error`(
            segmentation: Bool
        ) async throws {
            // libuv's udp_sendmmsg_error.
            try await withPair(segmentation: segmentation) { sender, receiver in
                let good = Datagram("good", to: receiver.localAddress)
                let long = Datagram(
                    Bytes(repeatElement(0, count: 65_508)), to: receiver.localAddress)
                let nowhere = Datagram("lost")
                let forbidden = Datagram("all", to: try SocketAddress("255.255.255.255:9"))
                let foreign = Datagram("v6", to: try SocketAddress("[::1]:9"))
                let portless = Datagram("0", to: .loopback(port: 0))
                let failures = try await sender.send([
                    good, good, long, good, nowhere, forbidden, good, foreign, portless, portless,
                    good, long,
                ])
                #expect(failures.map(\.index) == [2, 4, 5, 7, 8, 9, 11])
                let errors = failures.map(\.error)
                #expect(errors.map(\.code).first == .limitExceeded)
                #expect(errors.allSatisfy { $0.operation.hasPrefix("send ") })
                #expect(
                    errors.map(\.subject) == [
                        "\(receiver.localAddress)", "\(sender.localAddress)", "255.255.255.255:9",
                        "[::1]:9", "127.0.0.1:0", "127.0.0.1:0", "\(receiver.localAddress)",
                    ])
                #expect(errors[2].code == .permissionDenied)
                #expect(errors[3].code == .invalidArgument)
                #expect(try await receive(5, from: receiver).allSatisfy { $0.bytes == "good" })
            }
        }

        @Test func `datagrams too long for a message of several go one by one`() async throws {
            try await withPair(segmentation: true) { sender, receiver in
                // Two fill a message beyond what a packet holds, so the kernel is not even asked.
                let sent = (0..<6).map {
                    Datagram(
                        Bytes(repeatElement(UInt8($0), count: 40_000)), to: receiver.localAddress)
                }
                let failures = try await sender.send(sent)
                #expect(failures.isEmpty)
                #expect(try await receive(6, from: receiver).map(\.bytes) == sent.map(\.bytes))
            }
        }

        @Test func `no datagrams are sent without an error`() async throws {
            try await withPair(segmentation: true) { sender, _ in
                let failures = try await sender.send([Datagram]())
                #expect(failures.isEmpty)
            }
        }

        @Test func `a connected socket sends many`() async throws {
            try await withTestLoop { loop in
                let peer = try await UDPSocket.bind(
                    to: .loopback(port: 0), on: loop, options: Self.options(segmentation: true))
                let socket = try await UDPSocket.connect(to: peer.localAddress, on: loop)
                let sent = (0..<100).map { Datagram(Bytes("number \($0 % 10)")) }
                #expect(try await socket.send(sent).isEmpty)
                let found = try await receive(100, from: peer)
                #expect(found.map(\.bytes) == sent.map(\.bytes))
                let other = Datagram("x", to: socket.localAddress)
                let failures = try await socket.send([sent[0], other, sent[1]])
                #expect(failures.map(\.index) == [1])
                #expect(failures.first?.error.code == .invalidArgument)
                await socket.close()
                await peer.close()
            }
        }
    }
}
