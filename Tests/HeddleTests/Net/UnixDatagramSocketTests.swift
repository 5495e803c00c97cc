import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// Datagrams over Unix-domain sockets: addresses, sizes, order, ends.
    @Suite struct UnixDatagramSocketTests {
        @Test func `a datagram arrives whole, with its sender's address, by path and by name`()
            async throws
        {
            try await withTestFolder { loop, folder in
                for address in [try UnixAddress(path: folder.appending("service")), .forTest()] {
                    let first = try await UnixDatagramSocket.bind(to: address, on: loop)
                    let second = try await UnixDatagramSocket.bind(to: .forTest(), on: loop)
                    #expect(first.localAddress == address && first.remoteAddress == nil)
                    #expect("\(first)" == "UnixDatagramSocket(\(address))")
                    try await second.send("PING", to: address)
                    let ping = try await waiting { try await first.receive() }
                    #expect(ping.bytes == "PING" && ping.remoteAddress == second.localAddress)
                    #expect(!ping.isTruncated && !ping.areDescriptorsLost)
                    #expect(ping.credentials == nil && ping.descriptors.isEmpty)
                    try await first.send(UnixDatagram("PONG", to: ping.remoteAddress))
                    let pong = try await waiting { try await second.receive() }
                    #expect(pong.bytes == "PONG" && pong.remoteAddress == address)
                    await first.close()
                    await second.close()
                }
            }
        }

        @Test func `a socket without an address is given a name, or has none if so asked`()
            async throws
        {
            try await withTestLoop { loop in
                let receiver = try await UnixDatagramSocket.bind(to: .forTest(), on: loop)
                let address = try #require(receiver.localAddress)
                var options = UnixDatagramOptions()
                for choosesName in [true, false] {
                    options.choosesName = choosesName
                    let senders = [
                        try await UnixDatagramSocket.open(on: loop, options: options),
                        try await UnixDatagramSocket.connect(
                            to: address, on: loop, options: options),
                    ]
                    for sender in senders {
                        #expect((sender.localAddress?.isAbstract ?? false) == choosesName)
                        try await sender.send("x", to: address)
                        let datagram = try await waiting { try await receiver.receive() }
                        #expect(datagram.remoteAddress == sender.localAddress)
                        await sender.close()
                    }
                }
                await receiver.close()
            }
        }

        @Test func `a connected socket takes from its peer alone, and is answered`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let server = try await UnixDatagramSocket.bind(to: .forTest(), on: runtime.loops[0])
                let address = try #require(server.localAddress)
                let client = try await UnixDatagramSocket.connect(
                    to: address, from: .forTest(), on: runtime.loops[1])
                #expect(client.remoteAddress == address)
                let stranger = try await UnixDatagramSocket.open(on: runtime.loops[1])
                await expectError(.permissionDenied) {
                    try await stranger.send("x", to: client.localAddress)
                }
                try await client.send("question")
                let question = try await waiting { try await server.receive() }
                try await server.send("answer", to: question.remoteAddress)
                #expect(try await waiting { try await client.receive() }.bytes == "answer")
                for socket in [server, client, stranger] { await socket.close() }
            }
        }

        @Test func `the ends of a pair are each other's peers`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (near, far) = try await UnixDatagramSocket.pair(
                    on: runtime.loops[0], and: runtime.loops[1])
                #expect(near.localAddress == nil && near.remoteAddress == nil)
                try await near.send("there")
                try await far.send("back")
                let datagram = try await waiting { try await far.receive() }
                #expect(datagram.bytes == "there" && datagram.remoteAddress == nil)
                #expect(try await waiting { try await near.receive() }.bytes == "back")
                await near.close()
                await expectError(.connectionRefused) { try await far.send("anybody?") }
                await far.close()
            }
        }

        @Test func `every size arrives, from none to the longest of a default send buffer`()
            async throws
        {
            try await withTestLoop { loop in
                let (near, far) = try await UnixDatagramSocket.pair(on: loop)
                for count in [0, 1, 64, 16_385, 65_527, 65_528, 67_648, 67_649, 150_000, 212_900] {
                    let sent = Bytes((0..<count).map { UInt8(truncatingIfNeeded: $0 * 31) })
                    try await near.send(sent)
                    let datagram = try await waiting { try await far.receive() }
                    #expect(datagram.bytes == sent)
                    #expect(!datagram.isTruncated)
                }
                await near.close()
                await far.close()
            }
        }

        @Test func `a datagram over the limit is cut and marked, and so is one that is too long`()
            async throws
        {
            try await withTestLoop { loop in
                var options = UnixDatagramOptions()
                options.maximumDatagramBytes = 100
                let (near, far) = try await UnixDatagramSocket.pair(on: loop, options: options)
                for count in [99, 100, 101, 60_000] {
                    try await near.send(Bytes(repeatElement(7, count: count)))
                    let datagram = try await waiting { try await far.receive() }
                    #expect(datagram.bytes.count == min(count, 100))
                    #expect(datagram.isTruncated == (count > 100))
                }
                let statistics = await far.statistics
                #expect(statistics.truncated == 2 && statistics.received == 4)
                #expect(statistics.receivedBytes == 399 && statistics.dropped == 0)
                #expect(await near.statistics.sentBytes == 60_300)
                await near.close()
                await far.close()
            }
        }

        @Test func `sockets with different limits share a loop's memory`() async throws {
            try await withTestLoop { loop in
                let udp = try await UDPSocket.bind(to: .loopback(port: 0), on: loop)
                var pairs: [(UnixDatagramSocket, UnixDatagramSocket)] = []
                for limit in [10, 212_992, UnixDatagramOptions.longestDatagramBytes] {
                    var options = UnixDatagramOptions()
                    options.maximumDatagramBytes = limit
                    options.receivesCredentials = limit > 10
                    pairs.append(try await UnixDatagramSocket.pair(on: loop, options: options))
                }
                for round in 0..<20 {
                    let bytes = Bytes(repeatElement(UInt8(round), count: 5_000 * (1 + round % 3)))
                    try await udp.send(bytes, to: udp.localAddress)
                    for (near, _) in pairs { try await near.send(bytes) }
                    #expect(try await waiting { try await udp.receive() }.bytes == bytes)
                    for (index, pair) in pairs.enumerated() {
                        let datagram = try await waiting { try await pair.1.receive() }
                        #expect(datagram.bytes == (index == 0 ? bytes.prefix(10) : bytes[...]))
                        #expect(datagram.credentials?.processID == (index == 0 ? nil : getpid()))
                    }
                }
                await udp.close()
                for (near, far) in pairs {
                    await near.close()
                    await far.close()
                }
            }
        }

        @Test func `many leave together and arrive in order, in batches`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let receiver = try await UnixDatagramSocket.bind(
                    to: .forTest(), on: runtime.loops[0])
                let address = receiver.localAddress
                let sender = try await UnixDatagramSocket.open(on: runtime.loops[1])
                let sending = Task {
                    try await sender.send(
                        (0..<3_000).map { UnixDatagram(Bytes("\($0)"), to: address) })
                }
                var found: [Bytes] = []
                for try await batch in receiver.batches {
                    found += batch.map(\.bytes)
                    if found.count == 3_000 { await receiver.close() }
                }
                #expect(found == (0..<3_000).map { Bytes("\($0)") })
                #expect(try await sending.value.isEmpty)
                await sender.close()
            }
        }

        @Test func `the sequences end with the socket`() async throws {
            try await withTestLoop { loop in
                let socket = try await UnixDatagramSocket.bind(to: .forTest(), on: loop)
                let taking = loop.task {
                    var count = 0
                    for try await datagram in socket.datagrams {
                        #expect(datagram.bytes == "x")
                        count += 1
                    }
                    for try await _ in socket.batches { count += 100 }
                    return count
                }
                for _ in 0..<50 { try await socket.send("x", to: socket.localAddress) }
                while await socket.statistics.received < 50 || !socket.core.unread.isEmpty {
                    try await loop.clock.sleep(for: .milliseconds(1))
                }
                await socket.close()
                #expect(try await waiting { try await taking.value } == 50)
                await expectError(.closed) { _ = try await socket.receive() }
                await expectError(.closed) { try await socket.send("x") }
            }
        }

        @Test func `dropping the last reference closes, and takes the path along`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("service")
                var socket: UnixDatagramSocket? = try await .bind(
                    to: UnixAddress(path: path), on: loop)
                #expect(socket != nil && Disk.exists(path))
                socket = nil
                try await waiting {
                    while Disk.exists(path) {
                        try await loop.clock.sleep(for: .milliseconds(1))
                    }
                }
            }
        }
    }
}
