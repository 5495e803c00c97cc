import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct TCPOptionsTests {
        @Test func `the defaults are valid and send at once`() throws {
            let options = TCPOptions()
            try options.validate()
            #expect(options.noDelay)
            #expect(options.keepAlive == nil)
        }

        static let wrong: [@Sendable (inout TCPOptions) -> Void] = [
            { $0.keepAlive = .milliseconds(999) }, { $0.keepAlive = .seconds(32_768) },
            { $0.keepAlive = .seconds(-1) },
            { $0.receiveBufferBytes = 0 }, { $0.receiveBufferBytes = (1 << 30) + 1 },
            { $0.sendBufferBytes = -1 }, { $0.sendBufferBytes = .max },
            { $0.limits.unsentHighWater = 0 },
        ]

        @Test(arguments: wrong.indices)
        func `an option out of bounds is refused`(index: Int) {
            var options = TCPOptions()
            Self.wrong[index](&options)
            let error = #expect(throws: IOError.self) { try options.validate() }
            #expect(error?.code == .invalidArgument)
        }

        @Test func `options reach the socket of a connection and of an accepted one`() async throws
        {
            var options = TCPOptions()
            options.keepAlive = .seconds(7)
            options.sendBufferBytes = 20_000
            options.receiveBufferBytes = 30_000
            let chosen = options
            try await withTestLoop { loop in
                let (near, peer) = try await StreamKind.tcpIPv4.connect(on: loop, options: chosen)
                defer { peer.close() }
                let socket = RawSocket(near.core.descriptor)
                #expect(socket.option(Int32(TCP_NODELAY), level: Int32(IPPROTO_TCP)) == 1)
                #expect(socket.option(SO_KEEPALIVE) == 1)
                #expect(socket.option(Int32(TCP_KEEPIDLE), level: Int32(IPPROTO_TCP)) == 7)
                // Linux doubles what is asked for: socket(7).
                #expect(socket.option(SO_SNDBUF) == 40_000)
                #expect(socket.option(SO_RCVBUF) == 60_000)
            }
        }

        @Test func `accepted connections have the options of the server`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                var options = ListenOptions()
                options.connection.keepAlive = .seconds(9)
                options.connection.sendBufferBytes = 20_000
                let found = Recorder<[Int32]>()
                try await serving(on: runtime, options: options) { connection in
                    let socket = RawSocket(connection.core.descriptor)
                    found.add([
                        socket.option(Int32(TCP_NODELAY), level: Int32(IPPROTO_TCP)),
                        socket.option(Int32(TCP_KEEPIDLE), level: Int32(IPPROTO_TCP)),
                        socket.option(SO_SNDBUF),
                    ])
                } _: { server in
                    let peer = try RawSocket.connected(to: server.localAddress)
                    defer { peer.close() }
                    #expect(try peer.readToEnd().isEmpty)
                }
                #expect(found.all == [[1, 9, 40_000]])
            }
        }
    }
}
