import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// Groups and broadcasts, all over the loopback interface.
    @Suite struct UDPMulticastTests {
        private static let group = "239.255.0.114"

        private static func options(_ change: (inout UDPOptions) -> Void = { _ in }) -> UDPOptions {
            var options = UDPOptions()
            options.sharesAddress = true
            options.multicastInterface = "lo"
            change(&options)
            return options
        }

        /// A socket that may receive what is sent to groups, on a port of its own or a given one.
        private func receiver(port: UInt16 = 0, on loop: EventLoop) async throws -> UDPSocket {
            try await UDPSocket.bind(
                to: .anyIPv4(port: port), on: loop, options: Self.options())
        }

        private func sender(
            _ ip: String = "127.0.0.1", on loop: EventLoop,
            _ change: (inout UDPOptions) -> Void = { _ in }
        ) async throws -> UDPSocket {
            try await UDPSocket.bind(
                to: SocketAddress(ip: ip, port: 0), on: loop, options: Self.options(change))
        }

        /// Expects these to be all that comes, before a mark that is sent last.
        private func expect(
            _ expected: [Bytes], at socket: UDPSocket, marker: UDPSocket,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            try await marker.send("end", to: .loopback(port: socket.localAddress.port))
            var found: [Bytes] = []
            while true {
                let datagram = try await waiting { try await socket.receive() }
                if datagram.bytes == "end" { break }
                found.append(datagram.bytes)
            }
            #expect(found == expected, sourceLocation: sourceLocation)
        }

        @Test func `members of a group hear it until they leave`() async throws {
            // libuv's udp_multicast_join, udp_multicast_interface.
            try await withTestLoop { loop in
                let socket = try await receiver(on: loop)
                let sender = try await sender(on: loop)
                let group = try SocketAddress(ip: Self.group, port: Int(socket.localAddress.port))
                // Not a member yet.
                try await sender.send("too early", to: group)
                try await socket.join(group: Self.group, interface: "lo")
                try await sender.send("hello", to: group)
                try await expect(["hello"], at: socket, marker: sender)
                try await socket.leave(group: Self.group, interface: "lo")
                try await sender.send("too late", to: group)
                try await expect([], at: socket, marker: sender)
                await socket.close()
                await sender.close()
            }
        }

        @Test func `two sockets of one port are members of one group`() async throws {
            try await withTestLoop { loop in
                let first = try await receiver(on: loop)
                let port = first.localAddress.port
                let second = try await receiver(port: port, on: loop)
                let sender = try await sender(on: loop)
                for socket in [first, second] {
                    try await socket.join(group: Self.group, interface: "lo")
                }
                try await sender.send("all", to: SocketAddress(ip: Self.group, port: Int(port)))
                for socket in [first, second] {
                    #expect(try await waiting { try await socket.receive() }.bytes == "all")
                    await socket.close()
                }
                await sender.close()
            }
        }

        @Test func `a member of one source hears that source alone`() async throws {
            // libuv's udp_multicast_join with a source.
            try await withTestLoop { loop in
                let socket = try await receiver(on: loop)
                let wanted = try await sender("127.0.0.1", on: loop)
                let other = try await sender("127.0.0.2", on: loop)
                let group = try SocketAddress(ip: "232.1.2.3", port: Int(socket.localAddress.port))
                try await socket.join(group: "232.1.2.3", from: "127.0.0.1", interface: "lo")
                try await other.send("no", to: group)
                try await wanted.send("yes", to: group)
                try await expect(["yes"], at: socket, marker: wanted)
                try await socket.join(group: "232.1.2.3", from: "127.0.0.2", interface: "lo")
                try await other.send("now", to: group)
                try await expect(["now"], at: socket, marker: wanted)
                try await socket.leave(group: "232.1.2.3", from: "127.0.0.2", interface: "lo")
                try await other.send("no", to: group)
                try await expect([], at: socket, marker: wanted)
                for socket in [socket, wanted, other] { await socket.close() }
            }
        }

        @Test func `an IPv6 group is joined and left, with a source too`() async throws {
            // libuv's udp_multicast_join6. The loopback interface has no route for these groups, so
            // nothing can be sent to them.
            try await withTestLoop { loop in
                let socket = try await UDPSocket.bind(
                    to: .anyIPv6(port: 0), on: loop, options: Self.options())
                for source in [nil, "::1"] {
                    let group = source == nil ? "ff01::114" : "ff31::114"
                    for _ in 0..<2 {
                        try await socket.join(group: group, from: source, interface: "lo")
                        try await socket.leave(group: group, from: source, interface: "lo")
                    }
                    let error = await #expect(throws: IOError.self) {
                        try await socket.leave(group: group, from: source, interface: "lo")
                    }
                    #expect(error?.description.contains("leave group \(group)") == true)
                }
                await socket.close()
            }
        }

        @Test func `options reach the system`() async throws {
            // libuv's udp_options, udp_multicast_ttl, udp_ttl.
            try await withTestLoop { loop in
                let socket = try await sender(on: loop) {
                    $0.timeToLive = 7
                    $0.multicastTimeToLive = 3
                    $0.multicastLoopback = false
                    $0.allowsBroadcast = true
                    $0.receiveBufferBytes = 100_000
                    $0.sendBufferBytes = 50_000
                }
                let raw = RawSocket(socket.core.socket.descriptor)
                let level = Int32(IPPROTO_IP)
                #expect(raw.option(IP_TTL, level: level) == 7)
                #expect(raw.option(IP_MULTICAST_TTL, level: level) == 3)
                #expect(raw.option(IP_MULTICAST_LOOP, level: level) == 0)
                #expect(raw.option(SO_BROADCAST) == 1)
                #expect(raw.option(SO_REUSEADDR) == 1)
                #expect(raw.option(SO_RCVBUF) == 200_000)
                #expect(raw.option(SO_SNDBUF) == 100_000)
                try await socket.setTimeToLive(255)
                try await socket.setMulticastTimeToLive(0)
                try await socket.setMulticastLoopback(true)
                try await socket.setAllowsBroadcast(false)
                #expect(raw.option(IP_TTL, level: level) == 255)
                #expect(raw.option(IP_MULTICAST_TTL, level: level) == 0)
                #expect(raw.option(IP_MULTICAST_LOOP, level: level) == 1)
                #expect(raw.option(SO_BROADCAST) == 0)
                await socket.close()
            }
        }

        @Test func `IPv6 options reach the system`() async throws {
            try await withTestLoop { loop in
                var options = Self.options()
                options.timeToLive = 7
                options.ipv6Only = true
                let socket = try await UDPSocket.bind(
                    to: .anyIPv6(port: 0), on: loop, options: options)
                try await socket.setMulticastTimeToLive(3)
                try await socket.setMulticastLoopback(false)
                try await socket.setMulticastInterface("lo")
                let raw = RawSocket(socket.core.socket.descriptor)
                let level = Int32(IPPROTO_IPV6)
                #expect(raw.option(IPV6_UNICAST_HOPS, level: level) == 7)
                #expect(raw.option(IPV6_MULTICAST_HOPS, level: level) == 3)
                #expect(raw.option(IPV6_MULTICAST_LOOP, level: level) == 0)
                #expect(raw.option(IPV6_MULTICAST_IF, level: level) == 1)
                #expect(raw.option(IPV6_V6ONLY, level: level) == 1)
                await socket.close()
            }
        }

        @Test func `without loopback nobody on this machine hears`() async throws {
            try await withTestLoop { loop in
                let socket = try await receiver(on: loop)
                let sender = try await sender(on: loop) { $0.multicastLoopback = false }
                try await socket.join(group: Self.group, interface: "lo")
                let group = try SocketAddress(ip: Self.group, port: Int(socket.localAddress.port))
                try await sender.setMulticastLoopback(true)
                try await sender.send("on", to: group)
                try await expect(["on"], at: socket, marker: sender)
                await socket.close()
                await sender.close()
            }
        }

        @Test func `what is no group, or none joined, is refused by name`() async throws {
            try await withTestLoop { loop in
                let socket = try await receiver(on: loop)
                try await socket.join(group: Self.group, interface: "lo")
                let bad: [(String, String?, String?, IOError.Code)] = [
                    ("127.0.0.1", nil, "lo", .invalidArgument),
                    ("no address", nil, nil, .invalidArgument),
                    ("ff01::114", nil, "lo", .invalidArgument),
                    ("239.1.1.1", "::1", "lo", .invalidArgument),
                    ("239.1.1.1", nil, "no-such0", .invalidArgument),
                    (Self.group, nil, "lo", .addressInUse),
                ]
                for (group, source, interface, code) in bad {
                    let error = await #expect(throws: IOError.self) {
                        try await socket.join(group: group, from: source, interface: interface)
                    }
                    #expect(error?.code == code)
                    #expect(error?.operation.hasPrefix("join group") == true)
                }
                for (source, code) in [
                    (nil, IOError.Code.addressNotAvailable), ("127.0.0.1", .invalidArgument),
                ] {
                    let error = await #expect(throws: IOError.self) {
                        try await socket.leave(group: "239.9.9.9", from: source, interface: "lo")
                    }
                    #expect(error?.code == code)
                    #expect(error?.description.contains("leave group 239.9.9.9") == true)
                }
                await socket.close()
            }
        }

        @Test func `a broadcast needs leave and reaches every address`() async throws {
            try await withTestLoop { loop in
                let socket = try await receiver(on: loop)
                let sender = try await sender(on: loop)
                let everybody = try SocketAddress(
                    ip: "127.255.255.255", port: Int(socket.localAddress.port))
                let error = await #expect(throws: IOError.self) {
                    try await sender.send("no", to: everybody)
                }
                #expect(error?.code == .permissionDenied)
                #expect(error?.subject == "\(everybody)")
                try await sender.setAllowsBroadcast(true)
                try await sender.send("yes", to: everybody)
                try await expect(["yes"], at: socket, marker: sender)
                await socket.close()
                await sender.close()
            }
        }
    }
}
