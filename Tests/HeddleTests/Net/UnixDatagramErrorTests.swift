import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// Receivers that are gone, and what people get wrong: one clear error each, and nothing is left.
    @Suite struct UnixDatagramErrorTests {
        @Test
        func `a receiver that is gone is one error for each datagram, and the socket goes on`()
            async throws
        {
            try await withTestFolder { loop, folder in
                let path = folder.appending("service")
                let (address, name) = (try UnixAddress(path: path), UnixAddress.forTest())
                let sender = try await UnixDatagramSocket.open(on: loop)
                try RawSocket.bound(to: address, type: SOCK_DGRAM).close()
                let cases: [(UnixAddress, IOError.Code, String)] = [
                    (address, .connectionRefused, "connection refused (ECONNREFUSED)"),
                    (name, .connectionRefused, "connection refused (ECONNREFUSED)"),
                    (
                        try UnixAddress(path: folder.appending("nowhere")), .notFound,
                        "no such file or directory (ENOENT)"
                    ),
                ]
                for (address, code, reason) in cases {
                    let error = await expectError(code) { try await sender.send("x", to: address) }
                    #expect(error?.description == "send to \(address): \(reason)")
                }
                // Of many, the others arrive.
                let receiver = try await UnixDatagramSocket.bind(to: address, on: loop)
                let many = (0..<8).map {
                    UnixDatagram(Bytes("\($0)"), to: $0 % 2 == 0 ? address : name)
                }
                let failures = try await sender.send(many)
                #expect(failures.map(\.index) == [1, 3, 5, 7])
                #expect(failures.allSatisfy { $0.error.code == .connectionRefused })
                for number in [0, 2, 4, 6] {
                    let datagram = try await waiting { try await receiver.receive() }
                    #expect(datagram.bytes == Bytes("\(number)"))
                }
                await sender.close()
                await receiver.close()
            }
        }

        @Test func `a connected socket hears each time that its receiver is gone`() async throws {
            try await withTestLoop { loop in
                let receiver = try await UnixDatagramSocket.bind(to: .forTest(), on: loop)
                let address = try #require(receiver.localAddress)
                let sender = try await UnixDatagramSocket.connect(to: address, on: loop)
                try await sender.send("x")
                await receiver.close()
                for _ in 0..<3 {
                    let error = await expectError(.connectionRefused) {
                        try await sender.send("x")
                    }
                    #expect(error?.subject == "\(address)")
                }
                let failures = try await sender.send([UnixDatagram("x"), UnixDatagram("y")])
                #expect(failures.map(\.error.code) == [.connectionRefused, .connectionRefused])
                await sender.close()
            }
        }

        @Test func `a receiver that has shut its input down takes nothing`() async throws {
            try await withTestLoop { loop in
                let address = UnixAddress.forTest()
                let raw = try RawSocket.bound(to: address, type: SOCK_DGRAM)
                defer { raw.close() }
                shutdown(raw.descriptor, Int32(SHUT_RD))
                let sender = try await UnixDatagramSocket.open(on: loop)
                let error = await expectError(.connectionRefused) {
                    try await sender.send("x", to: address)
                }
                #expect(error?.reason == "nobody receives there any more")
                await sender.close()
            }
        }

        @Test func `bad destinations and datagrams are named`() async throws {
            try await withTestLoop { loop in
                var options = UnixDatagramOptions()
                options.choosesName = false
                let socket = try await UnixDatagramSocket.open(on: loop, options: options)
                let receiver = try await UnixDatagramSocket.bind(to: .forTest(), on: loop)
                let address = try #require(receiver.localAddress)
                var error = await expectError(.invalidArgument) { try await socket.send("x") }
                #expect(error?.reason == "no destination, and the socket is not connected")
                error = await expectError(.limitExceeded) {
                    try await socket.send(Bytes(repeatElement(0, count: 1 << 20)), to: address)
                }
                #expect(error?.description == "send to \(address): message too long (EMSGSIZE)")
                let failures = try await socket.send([
                    UnixDatagram("no destination"), UnixDatagram("fine", to: address),
                    UnixDatagram(Bytes(repeatElement(0, count: 1 << 20)), to: address),
                ])
                #expect(failures.map(\.index) == [0, 2])
                let connected = try await UnixDatagramSocket.connect(to: address, on: loop)
                error = await expectError(.invalidArgument) {
                    try await connected.send("x", to: .forTest())
                }
                #expect(error?.reason == "the socket is connected to \(address)")
                #expect(try await waiting { try await receiver.receive() }.bytes == "fine")
                for socket in [socket, receiver, connected] { await socket.close() }
            }
        }

        @Test func `addresses that cannot be bound or connected to are named`() async throws {
            try await withTestFolder { loop, folder in
                let none = try UnixAddress(path: folder.appending("none/service"))
                await expectError(.notFound) {
                    _ = try await UnixDatagramSocket.bind(to: none, on: loop)
                }
                await expectError(.notFound) {
                    _ = try await UnixDatagramSocket.connect(to: none, on: loop)
                }
                await expectError(.connectionRefused) {
                    _ = try await UnixDatagramSocket.connect(to: .forTest(), on: loop)
                }
                await expectError(.connectionRefused) {
                    _ = try await UnixDatagramSocket.connect(
                        to: UnixAddress(path: folder), on: loop)
                }
                await expectError(.invalidArgument) {
                    _ = try UnixAddress(path: folder.appending(String(repeating: "x", count: 108)))
                }
                let stream = try UnixAddress(path: folder.appending("stream"))
                let listening = try RawSocket.listening(on: stream)
                defer { listening.close() }
                await expectError(.invalidArgument) {
                    _ = try await UnixDatagramSocket.connect(to: stream, on: loop)
                }
            }
        }

        @Test func `options out of bounds are refused by name`() async throws {
            try await withTestLoop { loop in
                let changes: [(String, @Sendable (inout UnixDatagramOptions) -> Void)] = [
                    ("maximumDatagramBytes", { $0.maximumDatagramBytes = 0 }),
                    ("maximumDatagramBytes", { $0.maximumDatagramBytes = (4 << 20) + 1 }),
                    ("receiveQueueBytes", { $0.receiveQueueBytes = -1 }),
                    ("maximumUnclaimedDescriptors", { $0.maximumUnclaimedDescriptors = -1 }),
                    ("sendBufferBytes", { $0.sendBufferBytes = 1 << 40 }),
                    ("permissions", { $0.permissions = FilePermissions(rawValue: 0o1777) }),
                ]
                for (name, change) in changes {
                    var options = UnixDatagramOptions()
                    change(&options)
                    let chosen = options
                    for open in [
                        { _ = try await UnixDatagramSocket.open(on: loop, options: chosen) },
                        {
                            _ = try await UnixDatagramSocket.bind(
                                to: .forTest(), on: loop, options: chosen)
                        },
                        {
                            _ = try await UnixDatagramSocket.connect(
                                to: .forTest(), on: loop, options: chosen)
                        },
                        { _ = try await UnixDatagramSocket.pair(on: loop, options: chosen) },
                    ] {
                        let error = await expectError(.invalidArgument) { try await open() }
                        #expect(error?.operation == "set \(name)")
                    }
                }
            }
        }

        @Test func `after the end of its loop a socket says so`() async throws {
            let (socket, loop) = try await withTestLoop { loop in
                (try await UnixDatagramSocket.bind(to: .forTest(), on: loop), loop)
            }
            for operation in [
                { _ = try await socket.receive() },
                { try await socket.send("x", to: .forTest()) },
                { _ = try await socket.send([UnixDatagram("x", to: .forTest())]) },
                { _ = try await UnixDatagramSocket.open(on: loop) },
                { _ = try await UnixDatagramSocket.pair(on: loop) },
                { _ = try await UnixDatagramSocket.bind(to: .forTest(), on: loop) },
            ] {
                await expectError(.loopStopped) { try await operation() }
            }
            await socket.close()
        }
    }
}
