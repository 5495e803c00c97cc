import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct UDPSocketTests {
        private func bound(on loop: EventLoop, _ options: UDPOptions = .init()) async throws
            -> UDPSocket
        {
            try await UDPSocket.bind(to: .loopback(port: 0), on: loop, options: options)
        }

        @Test(arguments: StreamKind.loopbackIPs)
        func `a datagram arrives whole, with its sender's address`(ip: String) async throws {
            // libuv's udp_send_and_recv, udp_ipv6.
            let address = try SocketAddress(ip: ip, port: 0)
            try await withTestLoop { loop in
                let first = try await UDPSocket.bind(to: address, on: loop)
                let second = try await UDPSocket.bind(to: address, on: loop)
                try await first.send("PING", to: second.localAddress)
                let ping = try await waiting { try await second.receive() }
                #expect(ping.bytes == "PING")
                #expect(ping.remoteAddress == first.localAddress)
                #expect(!ping.isTruncated)
                try await second.send(Datagram("PONG", to: ping.remoteAddress))
                let pong = try await waiting { try await first.receive() }
                #expect(pong.bytes == "PONG" && pong.remoteAddress == second.localAddress)
                await first.close()
                await second.close()
            }
        }

        @Test(
            .enabled(if: StreamKind.hasIPv6, "this machine has no ::1"), arguments: [false, true])
        func `an IPv6 socket takes IPv4 too, unless told not to`(only: Bool) async throws {
            // libuv's udp_dual_stack, udp_ipv6_only.
            try await withTestLoop { loop in
                var options = UDPOptions()
                options.ipv6Only = only
                let socket = try await UDPSocket.bind(
                    to: .anyIPv6(port: 0), on: loop, options: options)
                let client = try await UDPSocket.connect(
                    to: .loopback(port: socket.localAddress.port), on: loop)
                try await client.send("four")
                if only {
                    await expectError(.connectionRefused) {
                        _ = try await waiting { try await client.receive() }
                    }
                } else {
                    let datagram = try await waiting { try await socket.receive() }
                    #expect(datagram.bytes == "four")
                    try await socket.send("back", to: datagram.remoteAddress)
                    let answer = try await waiting { try await client.receive() }
                    #expect(answer.bytes == "back")
                }
                await client.close()
                await socket.close()
            }
        }

        @Test func `every size arrives, from none to the longest`() async throws {
            try await withTestLoop { loop in
                let socket = try await bound(on: loop)
                for count in [0, 1, 63, 64, 1472, 9000, 16_384, 16_385, 65_507] {
                    let sent = Bytes((0..<count).map { UInt8(truncatingIfNeeded: $0 * 31) })
                    try await socket.send(sent, to: socket.localAddress)
                    let datagram = try await waiting { try await socket.receive() }
                    #expect(datagram.bytes == sent)
                    #expect(!datagram.isTruncated)
                }
                await socket.close()
            }
        }

        @Test func `a datagram over the limit is cut and marked`() async throws {
            try await withTestLoop { loop in
                var options = UDPOptions()
                options.maximumDatagramBytes = 100
                let socket = try await bound(on: loop, options)
                for count in [99, 100, 101, 60_000] {
                    let sent = Bytes(repeatElement(7, count: count))
                    try await socket.send(sent, to: socket.localAddress)
                    let datagram = try await waiting { try await socket.receive() }
                    #expect(datagram.bytes.count == min(count, 100))
                    #expect(datagram.isTruncated == (count > 100))
                }
                #expect(await socket.statistics.truncated == 2)
                await socket.close()
            }
        }

        @Test func `a connected socket needs no address and hears its peer alone`() async throws {
            // libuv's udp_connect.
            try await withTestLoop { loop in
                let peer = try await bound(on: loop)
                let stranger = try await bound(on: loop)
                let socket = try await UDPSocket.connect(to: peer.localAddress, on: loop)
                #expect(socket.remoteAddress == peer.localAddress)
                try await socket.send("one")
                try await socket.send("two", to: peer.localAddress)
                try await stranger.send("not for you", to: socket.localAddress)
                for expected in ["one", "two"] as [Bytes] {
                    let datagram = try await waiting { try await peer.receive() }
                    #expect(datagram.bytes == expected)
                    #expect(datagram.remoteAddress == socket.localAddress)
                    try await peer.send(datagram)
                }
                for expected in ["one", "two"] as [Bytes] {
                    let datagram = try await waiting { try await socket.receive() }
                    #expect(datagram.bytes == expected)
                    #expect(datagram.remoteAddress == peer.localAddress)
                }
                #expect(await socket.statistics.received == 2)
                for socket in [peer, stranger, socket] { await socket.close() }
            }
        }

        @Test func `a socket is connected from the address that is asked for`() async throws {
            try await withTestLoop { loop in
                let peer = try await bound(on: loop)
                let local = try SocketAddress("127.0.0.2:0")
                let socket = try await UDPSocket.connect(
                    to: peer.localAddress, from: local, on: loop)
                #expect(socket.localAddress.ip == "127.0.0.2")
                try await socket.send("x")
                let datagram = try await waiting { try await peer.receive() }
                #expect(datagram.remoteAddress == socket.localAddress)
                await socket.close()
                await peer.close()
            }
        }

        @Test func `names are looked up`() async throws {
            try await withTestLoop { loop in
                let peer = try await UDPSocket.bind(to: "localhost:0" as Endpoint, on: loop)
                let endpoint = try Endpoint(host: "localhost", port: Int(peer.localAddress.port))
                let socket = try await UDPSocket.connect(to: endpoint, on: loop)
                try await socket.send("x")
                #expect(try await waiting { try await peer.receive() }.bytes == "x")
                await socket.close()
                await peer.close()
            }
        }

        @Test func `datagrams come as a sequence until the socket is closed`() async throws {
            try await withTestLoop { loop in
                let socket = try await bound(on: loop)
                var seen = 0
                for number in 0..<100 {
                    try await socket.send(Bytes("\(number)"), to: socket.localAddress)
                }
                for try await datagram in socket.datagrams {
                    #expect(datagram.bytes == Bytes("\(seen)"))
                    seen += 1
                    if seen == 100 { await socket.close() }
                }
                #expect(seen == 100)
                #expect(await socket.statistics.received == 100)
                #expect(await socket.statistics.sent == 100)
            }
        }

        @Test func `an iteration goes on where another left`() async throws {
            try await withTestLoop { loop in
                let socket = try await bound(on: loop)
                for number in 0..<10 {
                    try await socket.send(Bytes("\(number)"), to: socket.localAddress)
                }
                var seen: [Bytes] = []
                while seen.count < 10 {
                    for try await datagram in socket.datagrams {
                        seen.append(datagram.bytes)
                        break
                    }
                }
                #expect(seen == (0..<10).map { Bytes("\($0)") })
                await socket.close()
            }
        }

        @Test func `a socket is used from any thread`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let socket = try await bound(on: runtime.loops[0])
                let other = try await bound(on: runtime.loops[1])
                #expect(socket.loop === runtime.loops[0])
                for _ in 0..<100 {
                    try await socket.send("x", to: other.localAddress)
                    let batch = try await waiting { try await other.receiveBatch() }
                    #expect(try await other.send(batch).isEmpty)
                    #expect(try await waiting { try await socket.receive() }.bytes == "x")
                }
                await socket.close()
                await other.close()
            }
        }

        @Test func `a closed socket says so, and frees its address`() async throws {
            try await withTestLoop { loop in
                let socket = try await bound(on: loop)
                let address = socket.localAddress
                let receiving = loop.task { try await socket.receive() }
                try await loop.clock.sleep(for: .milliseconds(1))
                await socket.close()
                await socket.close()
                for operation in [
                    { _ = try await receiving.value }, { _ = try await socket.receive() },
                    { try await socket.send("x", to: address) },
                    { _ = try await socket.send([Datagram("x", to: address)]) },
                    { try await socket.setTimeToLive(1) },
                ] {
                    let error = await #expect(throws: IOError.self) { try await operation() }
                    #expect(error?.code == .closed)
                    #expect(error?.subject == "\(address)")
                }
                let again = try await UDPSocket.bind(to: address, on: loop)
                await again.close()
            }
        }

        @Test func `a dropped socket is closed`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                for _ in 0..<50 {
                    let socket = try await bound(on: runtime.loops[0])
                    try await socket.send("x", to: socket.localAddress)
                    _ = try await waiting { try await socket.receive() }
                }
            }
        }
    }
}
