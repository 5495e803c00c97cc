import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// FAULTS.md N12 and, for datagrams, N9; what people get wrong.
    @Suite struct UDPErrorTests {
        private func bound(
            on loop: EventLoop, _ change: (inout UDPOptions) -> Void = { _ in }
        ) async throws -> UDPSocket {
            var options = UDPOptions()
            change(&options)
            return try await UDPSocket.bind(to: .loopback(port: 0), on: loop, options: options)
        }

        private func expectError(
            _ code: IOError.Code, _ text: String,
            sourceLocation: SourceLocation = #_sourceLocation,
            _ body: () async throws -> Void
        ) async {
            let error = await #expect(throws: IOError.self, sourceLocation: sourceLocation) {
                try await body()
            }
            #expect(error?.code == code, sourceLocation: sourceLocation)
            #expect(error?.description == text, sourceLocation: sourceLocation)
        }

        // MARK: What the network answers

        @Test(arguments: StreamKind.loopbackIPs)
        func `receiving tells of a closed port, by address, and goes on`(ip: String) async throws {
            let closed = try RawSocket.closedAddress(ip: ip)
            try await withTestLoop { loop in
                let socket = try await UDPSocket.connect(to: closed, on: loop)
                for _ in 0..<3 {
                    try await socket.send("anybody?")
                    await expectError(
                        .connectionRefused,
                        "send to \(closed): connection refused (ECONNREFUSED)"
                    ) { _ = try await waiting { try await socket.receive() } }
                }
                let late = try RawSocket.datagrams(boundTo: closed)
                defer { late.close() }
                try await socket.send("now?")
                #expect(try late.receiveDatagram() == Array("now?".utf8))
                await socket.close()
            }
        }

        @Test func `sending tells of a closed port, once for each datagram`() async throws {
            let closed = try RawSocket.closedAddress()
            try await withTestLoop { loop in
                let socket = try await UDPSocket.connect(to: closed, on: loop)
                let text = "send to \(closed): connection refused (ECONNREFUSED)"
                for _ in 0..<3 {
                    try await socket.send("anybody?")
                    await expectError(.connectionRefused, text) { try await socket.send("again") }
                }
                try await socket.send("anybody?")
                let many = (0..<10).map { Datagram(Bytes("\($0)")) }
                let failures = try await socket.send(many)
                #expect(failures.first?.index == 0)
                #expect(failures.first?.error.description == text)
                await socket.close()
            }
        }

        @Test func `a stranger's closed port does not disturb a socket`() async throws {
            let closed = try RawSocket.closedAddress()
            try await withTestLoop { loop in
                let socket = try await bound(on: loop)
                for _ in 0..<10 {
                    try await socket.send("gone?", to: closed)
                    try await socket.send("here", to: socket.localAddress)
                    let datagram = try await waiting { try await socket.receive() }
                    #expect(datagram.bytes == "here")
                }
                await socket.close()
            }
        }

        @Test(arguments: StreamKind.loopbackIPs)
        func `if asked, a socket hears which addresses could not be reached`(
            ip: String
        ) async throws {
            let closed = try RawSocket.closedAddresses(3, ip: ip)
            try await withTestLoop { loop in
                var options = UDPOptions()
                options.reportsUnreachable = true
                let socket = try await UDPSocket.bind(
                    to: SocketAddress(ip: ip, port: 0), on: loop, options: options)
                // The answer to the first must not be taken for one to the others.
                for address in closed { try await socket.send("gone?", to: address) }
                try await socket.send("here", to: socket.localAddress)
                for address in closed {
                    await expectError(
                        .connectionRefused,
                        "send to \(address): connection refused (ECONNREFUSED)"
                    ) { _ = try await waiting { try await socket.receive() } }
                }
                #expect(try await waiting { try await socket.receive() }.bytes == "here")
                let many =
                    closed.map { Datagram("x", to: $0) }
                    + [Datagram("end", to: socket.localAddress)]
                #expect(try await socket.send(many).isEmpty)
                for _ in closed {
                    let error = await #expect(throws: IOError.self) {
                        try await waiting { try await socket.receive() }
                    }
                    #expect(error?.code == .connectionRefused)
                }
                #expect(try await waiting { try await socket.receive() }.bytes == "end")
                await socket.close()
            }
        }

        @Test func `answers that nobody takes are bounded`() async throws {
            let closed = try RawSocket.closedAddress()
            try await withTestLoop { loop in
                let socket = try await bound(on: loop) { $0.reportsUnreachable = true }
                for _ in 0..<500 { try await socket.send("gone?", to: closed) }
                try await socket.send("here", to: socket.localAddress)
                var errors = 0
                while true {
                    do {
                        #expect(try await waiting { try await socket.receive() }.bytes == "here")
                        break
                    } catch let error as IOError where error.code == .connectionRefused {
                        errors += 1
                    }
                }
                #expect(errors > 0 && errors <= DatagramCore.maximumPendingErrors)
                #expect(socket.core.pendingErrors.isEmpty)
                await socket.close()
            }
        }

        @Test func `waiting for one who never answers ends in time`() async throws {
            try await withTestLoop { loop in
                let silent = try await bound(on: loop)
                let socket = try await UDPSocket.connect(to: silent.localAddress, on: loop)
                try await socket.send("hello?")
                let start = loop.clock.now
                await expectError(.timedOut, "answer: timed out after 200 ms") {
                    _ = try await withTimeout(.milliseconds(200), "answer") {
                        try await socket.receive()
                    }
                }
                #expect(start.duration(to: loop.clock.now) >= .milliseconds(200))
                await socket.close()
                await silent.close()
            }
        }

        // MARK: Bad input

        @Test func `names that do not exist are named`() async throws {
            try await withTestLoop { loop in
                let endpoint = "no-such-host.invalid:53" as Endpoint
                for operation in [
                    { _ = try await UDPSocket.connect(to: endpoint, on: loop) },
                    { _ = try await UDPSocket.bind(to: endpoint, on: loop) },
                ] {
                    let error = await #expect(throws: IOError.self) { try await operation() }
                    #expect(error?.subject == "no-such-host.invalid")
                }
            }
        }

        @Test func `an address in use, or of another machine, is named`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let loop = runtime.loops[0]
                let socket = try await bound(on: loop)
                let taken = socket.localAddress
                let inUse = "bind to \(taken): address already in use (EADDRINUSE)"
                await expectError(.addressInUse, inUse) {
                    _ = try await UDPSocket.bind(to: taken, on: loop)
                }
                await expectError(.addressInUse, inUse) {
                    _ = try await UDPSocket.bind(to: taken, sharedBy: runtime.loops)
                }
                await expectError(.addressInUse, inUse) {
                    _ = try await UDPSocket.connect(to: taken, from: taken, on: loop)
                }
                let foreign = try SocketAddress("192.0.2.1:53")
                await expectError(
                    .addressNotAvailable,
                    "bind to 192.0.2.1:53: address not available (EADDRNOTAVAIL)"
                ) { _ = try await UDPSocket.bind(to: foreign, on: loop) }
                await socket.close()
            }
        }

        @Test func `bad destinations are named`() async throws {
            try await withTestLoop { loop in
                let socket = try await bound(on: loop)
                let own = socket.localAddress
                await expectError(
                    .invalidArgument,
                    "send from \(own): no destination, and the socket is not connected"
                ) { try await socket.send("x") }
                await expectError(
                    .limitExceeded, "send to \(own): message too long (EMSGSIZE)"
                ) {
                    // libuv's udp_dgram_too_big.
                    try await socket.send(Bytes(repeatElement(0, count: 65_508)), to: own)
                }
                await expectError(
                    .invalidArgument,
                    "send to [::1]:9: address family not supported (EAFNOSUPPORT)"
                ) { try await socket.send("x", to: try SocketAddress("[::1]:9")) }
                await expectError(
                    .invalidArgument, "send to 127.0.0.1:0: invalid argument (EINVAL)"
                ) { try await socket.send("x", to: .loopback(port: 0)) }
                let connected = try await UDPSocket.connect(to: own, on: loop)
                let other = connected.localAddress
                await expectError(
                    .invalidArgument, "send to \(other): the socket is connected to \(own)"
                ) { try await connected.send("x", to: other) }
                // None of these broke anything.
                try await connected.send("fine")
                #expect(try await waiting { try await socket.receive() }.bytes == "fine")
                await connected.close()
                await socket.close()
            }
        }

        @Test func `options out of bounds are refused by name`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let changes: [(String, @Sendable (inout UDPOptions) -> Void)] = [
                    ("maximumDatagramBytes", { $0.maximumDatagramBytes = 0 }),
                    ("maximumDatagramBytes", { $0.maximumDatagramBytes = 65_528 }),
                    ("receiveQueueBytes", { $0.receiveQueueBytes = -1 }),
                    ("receiveBufferBytes", { $0.receiveBufferBytes = 0 }),
                    ("sendBufferBytes", { $0.sendBufferBytes = 1 << 40 }),
                    ("timeToLive", { $0.timeToLive = 0 }),
                    ("multicastTimeToLive", { $0.multicastTimeToLive = 256 }),
                    ("multicastInterface", { $0.multicastInterface = "no-such0" }),
                    ("multicastInterface", { $0.multicastInterface = "lo\0" }),
                ]
                let loop = runtime.loops[0]
                for (name, change) in changes {
                    var options = UDPOptions()
                    change(&options)
                    let chosen = options
                    let address = SocketAddress.loopback(port: 0)
                    for open in [
                        { _ = try await UDPSocket.bind(to: address, on: loop, options: chosen) },
                        {
                            _ = try await UDPSocket.bind(
                                to: address, sharedBy: [loop], options: chosen)
                        },
                        {
                            let peer = SocketAddress.loopback(port: 9)
                            _ = try await UDPSocket.connect(to: peer, on: loop, options: chosen)
                        },
                        { _ = try await runtime.bindUDP(to: address, options: chosen) },
                    ] {
                        let error = await #expect(throws: IOError.self) { try await open() }
                        #expect(error?.code == .invalidArgument)
                        #expect(error?.operation == "set \(name)")
                    }
                }
                let none = await #expect(throws: IOError.self) {
                    try await UDPSocket.bind(to: .loopback(port: 0), sharedBy: [])
                }
                #expect(none?.code == .invalidArgument)
            }
        }

        @Test func `no descriptor is left where there are none`() async throws {
            await #expect(processExitsWith: .success) {
                let worker = Worker(name: "short")
                try worker.start()
                let loop = try worker.loop
                let limit = DescriptorLimit.allowing(0)
                let error = await #expect(throws: IOError.self) {
                    try await UDPSocket.bind(to: .loopback(port: 0), on: loop)
                }
                #expect(error?.code == .resourcesExhausted)
                limit.restore()
                try await worker.stop()
            }
        }
    }
}
