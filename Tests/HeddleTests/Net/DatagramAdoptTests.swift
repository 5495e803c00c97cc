import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct DatagramAdoptTests {
        private static let datagrams = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        private static let streams = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)

        /// A new UDP socket without Heddle, which blocks.
        private static func opened(
            boundTo local: SocketAddress? = nil, connectedTo remote: SocketAddress? = nil
        ) throws -> Int32 {
            let family = (local ?? remote)?.isIPv6 == true ? AF_INET6 : AF_INET
            let descriptor = socket(family, datagrams, 0)
            if let local {
                try #require(local.withSockaddr { Glibc.bind(descriptor, $0, $1) } == 0)
            }
            if let remote {
                try #require(remote.withSockaddr { Glibc.connect(descriptor, $0, $1) } == 0)
            }
            return descriptor
        }

        private static func expectEcho(
            _ near: UDPSocket, _ far: UDPSocket, sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            if near.remoteAddress == nil {
                try await near.send("ping", to: far.localAddress)
            } else {
                try await near.send("ping")
            }
            let ping = try await waiting { try await far.receive() }
            #expect(ping.bytes == "ping", sourceLocation: sourceLocation)
            #expect(ping.remoteAddress == near.localAddress, sourceLocation: sourceLocation)
            try await far.send("pong", to: ping.remoteAddress)
            let pong = try await waiting { try await near.receive() }
            #expect(pong.bytes == "pong", sourceLocation: sourceLocation)
        }

        @Test(arguments: StreamKind.loopbackIPs)
        func `a bound socket receives and sends`(ip: String) async throws {
            // libuv: udp_open, udp_open_bound.
            try await withTestLoop { loop in
                let address = try SocketAddress(ip: ip, port: 0)
                let far = try await UDPSocket.bind(to: address, on: loop)
                let descriptor = try Self.opened(boundTo: address)
                let near = try await UDPSocket.adopting(descriptor: descriptor, on: loop)
                #expect(near.localAddress.ip == ip && near.localAddress.port != 0)
                try await Self.expectEcho(near, far)
                await near.close()
                #expect(fcntl(descriptor, F_GETFD) < 0)
                await far.close()
            }
        }

        @Test func `a connected socket knows its peer, and hears when nobody is there`()
            async throws
        {
            // libuv: udp_open_connect.
            try await withTestLoop { loop in
                let far = try await UDPSocket.bind(to: .loopback(port: 0), on: loop)
                let descriptor = try Self.opened(connectedTo: far.localAddress)
                let near = try await UDPSocket.adopting(descriptor: descriptor, on: loop)
                #expect(near.remoteAddress == far.localAddress)
                try await Self.expectEcho(near, far)
                await far.close()
                try await near.send("lost")
                let error = try await waiting {
                    await #expect(throws: IOError.self) { try await near.receive() }
                }
                #expect(error?.code == .connectionRefused)
                await near.close()
            }
        }

        @Test func `a socket that is not bound gets a port`() async throws {
            try await withTestLoop { loop in
                let far = try await UDPSocket.bind(to: .loopback(port: 0), on: loop)
                let near = try await UDPSocket.adopting(descriptor: try Self.opened(), on: loop)
                #expect(near.localAddress.port != 0)
                try await near.send("ping", to: far.localAddress)
                let ping = try await waiting { try await far.receive() }
                #expect(ping.remoteAddress?.port == near.localAddress.port)
                await near.close()
                await far.close()
            }
        }

        @Test func `options are set on what is adopted`() async throws {
            try await withTestLoop { loop in
                var options = UDPOptions()
                options.timeToLive = 7
                options.maximumDatagramBytes = 4
                let descriptor = try Self.opened(boundTo: .loopback(port: 0))
                let near = try await UDPSocket.adopting(
                    descriptor: descriptor, on: loop, options: options)
                var hops: Int32 = 0
                var length = socklen_t(4)
                #expect(getsockopt(descriptor, Int32(IPPROTO_IP), IP_TTL, &hops, &length) == 0)
                #expect(hops == 7)
                try await near.send("longer", to: near.localAddress)
                let datagram = try await waiting { try await near.receive() }
                #expect(datagram.bytes == "long" && datagram.isTruncated)
                await near.close()
            }
        }

        @Test func `Unix sockets are adopted, bound and in pairs, and their paths left`()
            async throws
        {
            try await withTestFolder { loop, folder in
                let address = try UnixAddress(path: folder.appending("socket"))
                let bound = socket(AF_UNIX, Self.datagrams, 0)
                #expect(address.withSockaddr { Glibc.bind(bound, $0, $1) } == 0)
                let far = try await UnixDatagramSocket.adopting(descriptor: bound, on: loop)
                #expect(far.localAddress == address && far.remoteAddress == nil)
                var ends: [Int32] = [0, 0]
                #expect(socketpair(AF_UNIX, Self.datagrams, 0, &ends) == 0)
                let near = try await UnixDatagramSocket.adopting(descriptor: ends[0], on: loop)
                let other = try await UnixDatagramSocket.adopting(descriptor: ends[1], on: loop)
                try await near.send("pair")
                #expect(try await waiting { try await other.receive() }.bytes == "pair")
                let client = socket(AF_UNIX, Self.datagrams, 0)
                #expect(address.withSockaddr { Glibc.connect(client, $0, $1) } == 0)
                let named = try await UnixDatagramSocket.adopting(descriptor: client, on: loop)
                #expect(named.remoteAddress == address)
                try await named.send("named")
                #expect(try await waiting { try await far.receive() }.bytes == "named")
                for socket in [far, near, other, named] { await socket.close() }
                #expect(Disk.names(in: folder) == ["socket"])
            }
        }

        // MARK: What people get wrong

        /// As both kinds of datagram sockets are adopted.
        private static func errors(
            of descriptor: Int32, on loop: EventLoop
        ) async -> (udp: IOError?, unix: IOError?) {
            let udp = await #expect(throws: IOError.self) {
                try await UDPSocket.adopting(descriptor: descriptor, on: loop)
            }
            let unix = await #expect(throws: IOError.self) {
                try await UnixDatagramSocket.adopting(descriptor: descriptor, on: loop)
            }
            return (udp, unix)
        }

        @Test func `what is no datagram socket is refused and left alone`() async throws {
            try await withTestLoop { loop in
                let wrong = [
                    open("/dev/null", O_RDWR | O_CLOEXEC), socket(AF_INET, Self.streams, 0),
                    socket(AF_UNIX, Self.streams, 0),
                ]
                for descriptor in wrong {
                    let found = await Self.errors(of: descriptor, on: loop)
                    for error in [found.udp, found.unix] {
                        #expect(error?.code == .invalidArgument)
                        #expect(error?.subject == "descriptor \(descriptor)")
                    }
                    #expect(fcntl(descriptor, F_GETFD) >= 0)
                    close(descriptor)
                }
            }
        }

        @Test func `a datagram socket of the other kind is refused and left alone`() async throws {
            try await withTestLoop { loop in
                let udp = try Self.opened()
                let unix = socket(AF_UNIX, Self.datagrams, 0)
                let first = await #expect(throws: IOError.self) {
                    try await UnixDatagramSocket.adopting(descriptor: udp, on: loop)
                }
                #expect(first?.reason == "not a Unix-domain socket")
                let second = await #expect(throws: IOError.self) {
                    try await UDPSocket.adopting(descriptor: unix, on: loop)
                }
                #expect(second?.reason == "not a UDP socket")
                for descriptor in [udp, unix] {
                    #expect(fcntl(descriptor, F_GETFD) >= 0)
                    close(descriptor)
                }
            }
        }

        @Test(arguments: [-1, Int32.min, 19_999, Int32.max])
        func `a descriptor that is not open is refused by its number`(number: Int32) async throws {
            try await withTestLoop { loop in
                let found = await Self.errors(of: number, on: loop)
                for error in [found.udp, found.unix] {
                    #expect(error?.subject == "descriptor \(number)")
                    #expect(error?.systemName == "EBADF")
                }
            }
        }

        @Test func `options out of bounds leave the descriptor, ones that fail close it`()
            async throws
        {
            try await withTestLoop { loop in
                let descriptor = try Self.opened()
                var options = UDPOptions()
                options.maximumDatagramBytes = 0
                await Self.expectRefusal(of: descriptor, options, on: loop)
                #expect(fcntl(descriptor, F_GETFD) >= 0)
                options = UDPOptions()
                options.multicastInterface = "no-such-interface"
                await Self.expectRefusal(of: descriptor, options, on: loop)
                #expect(fcntl(descriptor, F_GETFD) < 0)
            }
        }

        private static func expectRefusal(
            of descriptor: Int32, _ options: UDPOptions, on loop: EventLoop
        ) async {
            let error = await #expect(throws: IOError.self) {
                try await UDPSocket.adopting(descriptor: descriptor, on: loop, options: options)
            }
            #expect(error?.code == .invalidArgument)
        }

        @Test func `a stopped loop says so and closes the descriptor`() async throws {
            let loop = try await withTestLoop { $0 }
            let udp = try Self.opened()
            let first = await #expect(throws: IOError.self) {
                try await UDPSocket.adopting(descriptor: udp, on: loop)
            }
            let unix = socket(AF_UNIX, Self.datagrams, 0)
            let second = await #expect(throws: IOError.self) {
                try await UnixDatagramSocket.adopting(descriptor: unix, on: loop)
            }
            #expect(first?.code == .loopStopped && second?.code == .loopStopped)
            #expect(fcntl(udp, F_GETFD) < 0 && fcntl(unix, F_GETFD) < 0)
        }
    }
}
