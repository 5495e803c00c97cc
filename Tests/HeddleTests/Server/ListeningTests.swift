import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct ListeningTests {
        @Test(arguments: ListenOptions.Balance.allCases, [1, 2])
        func `an address in use is refused by name`(
            balance: ListenOptions.Balance, threads: Int
        ) async throws {
            try await withTestRuntime(threads: threads) { runtime in
                var options = ListenOptions()
                options.balance = balance
                let server = try await runtime.listen(on: .loopback(port: 0), options: options)
                let other = try Runtime.start(.init(threads: threads))
                for second in [runtime, other] {
                    let error = await #expect(throws: IOError.self) {
                        try await second.listen(on: server.localAddress, options: options)
                    }
                    #expect(error?.code == .addressInUse)
                    #expect(error?.subject == server.localAddress.description)
                }
                try await other.stop()
                try await server.stop()
            }
        }

        @Test func `a port another program shares is in use all the same`() async throws {
            let raw = RawSocket(
                socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
            defer { raw.close() }
            raw.set(SO_REUSEPORT, to: 1)
            _ = SocketAddress.loopback(port: 0).withSockaddr { bind(raw.descriptor, $0, $1) }
            listen(raw.descriptor, 5)
            let address = raw.address
            try await withTestRuntime(threads: 2) { runtime in
                let error = await #expect(throws: IOError.self) {
                    try await runtime.listen(on: address)
                }
                #expect(error?.code == .addressInUse)
            }
        }

        @Test func `an address of another machine is refused by name`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let error = await #expect(throws: IOError.self) {
                    try await runtime.listen(on: "192.0.2.1:7000" as Endpoint)
                }
                #expect(error?.code == .addressNotAvailable)
                #expect(error?.subject == "192.0.2.1:7000")
            }
        }

        @Test(.disabled(if: getuid() == 0, "root may listen on any port"))
        func `a port below 1024 is refused to those who may not`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let error = await #expect(throws: IOError.self) {
                    try await runtime.listen(on: .loopback(port: 80))
                }
                #expect(error?.code == .permissionDenied)
                #expect(error?.subject == "127.0.0.1:80")
            }
        }

        @Test func `a name that does not exist cannot be listened on`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let error = await #expect(throws: IOError.self) {
                    try await runtime.listen(on: "no-such-host.invalid:0" as Endpoint)
                }
                #expect(error?.subject == "no-such-host.invalid")
            }
        }

        @Test func `a stopped runtime does not listen`() async throws {
            let runtime = try await withTestRuntime(threads: 2) { $0 }
            for endpoint in ["127.0.0.1:0", "localhost:0"] as [Endpoint] {
                let error = await #expect(throws: IOError.self) {
                    try await runtime.listen(on: endpoint)
                }
                #expect(error?.code == .loopStopped)
            }
        }

        private struct WeakCore {
            weak var core: LoopCore?
        }

        private static func coresThatRefused(
            _ balance: ListenOptions.Balance
        ) async throws -> [WeakCore] {
            var options = ListenOptions()
            options.balance = balance
            let runtime = try await withTestRuntime(threads: 2) { $0 }
            let error = await #expect(throws: IOError.self) {
                try await runtime.listen(on: .loopback(port: 0), options: options)
            }
            #expect(error?.code == .loopStopped)
            return runtime.loops.map { WeakCore(core: $0.core) }
        }

        @Test(arguments: [ListenOptions.Balance.reusePort, .leastConnections])
        func `a server that stopped loops refused keeps nothing alive`(
            _ balance: ListenOptions.Balance
        ) async throws {
            let cores = try await Self.coresThatRefused(balance)
            #expect(cores.count == 2)
            // A late job lets go of its loop a moment after it has run.
            try await waiting("the loops' memory") {
                while cores.contains(where: { $0.core != nil }) { await Task.yield() }
            }
        }

        @Test(.enabled(if: StreamKind.hasIPv6, "this machine has no ::1"))
        func `an IPv6 socket takes IPv4 too, unless told not to`() async throws {
            for only in [false, true] {
                try await withTestRuntime(threads: 1) { runtime in
                    var options = ListenOptions()
                    options.ipv6Only = only
                    let server = try await runtime.listen(on: .anyIPv6(port: 0), options: options)
                    let port = server.localAddress.port
                    let connected = try? RawSocket.connected(to: .loopback(port: port))
                    #expect((connected == nil) == only)
                    connected?.close()
                    try await server.stop()
                }
            }
        }

        @Test(arguments: ListenOptions.Balance.allCases)
        func `the address is free when a stop returns`(balance: ListenOptions.Balance) async throws
        {
            try await withTestRuntime(threads: 2) { runtime in
                var options = ListenOptions()
                options.balance = balance
                var address = SocketAddress.loopback(port: 0)
                for round in 0..<200 {
                    let server = try await runtime.listen(on: address, options: options)
                    address = server.localAddress
                    if round % 2 == 0 {
                        try await server.stop()
                    } else {
                        async let served: Void = server.serve { _ in }
                        try await server.stop()
                        try await served
                    }
                }
            }
        }

        @Test func `a server that is dropped unserved gives its address back`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                for _ in 0..<100 { _ = try await runtime.listen(on: .loopback(port: 0)) }
                for loop in runtime.loops {
                    try await waiting(for: .seconds(10), "the listeners' end") {
                        while await loop.run({ $0.core.uv.liveCount(.poll) + $0.core.members.count }
                        ) > 0 {
                            try await loop.clock.sleep(for: .milliseconds(1))
                        }
                    }
                }
            }
        }

        @Test func `a stopped server leaves nothing on its loops`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                for round in 0..<20 {
                    let server = try await runtime.listen(on: .loopback(port: 0))
                    if round % 2 == 0 {
                        let served = Task { try await server.serve { _ in } }
                        try await server.stop()
                        try await served.value
                    } else {
                        try await server.stop()
                    }
                }
                for loop in runtime.loops {
                    #expect(await loop.run { $0.core.members.count } == 0)
                    #expect(await loop.run { $0.core.uv.liveCount(.poll) } == 0)
                }
            }
        }
    }
}
