import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct HostResolverTests {
        @Test func `localhost has a loopback address, from on and off the loop`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let found = try await loop.addresses(of: "localhost")
                #expect(!found.isEmpty)
                #expect(found.allSatisfy { ["127.0.0.1", "::1"].contains($0.ip) && $0.port == 0 })
                #expect(
                    try await loop.task { try await loop.addresses(of: "localhost") }.value == found
                )
            }
        }

        @Test func `an address is its own answer`() async throws {
            try await withTestLoop { loop in
                for text in ["192.0.2.7", "::1"] {
                    let found = try await loop.addresses(of: text)
                    #expect(found.map(\.ip) == [text])
                }
            }
        }

        @Test func `the loopback address has a name, which leads back to it`() async throws {
            try await withTestLoop { loop in
                let name = try await loop.name(of: .loopback(port: 80))
                #expect(!name.isEmpty && !name.contains("127.0.0.1"))
                #expect(try await loop.addresses(of: name).contains { $0.ip == "127.0.0.1" })
            }
        }

        /// 192.0.2.0/24 is for documentation: no name leads there (RFC 5737).
        @Test(.timeLimit(.minutes(1)))
        func `an address without a name is an error that tells it`() async throws {
            try await withTestLoop { loop in
                let address = try SocketAddress("192.0.2.1:80")
                let error = await #expect(throws: IOError.self) {
                    try await loop.name(of: address, timeout: .seconds(10))
                }
                #expect(error?.code == .unknownHost || error?.code == .timedOut)
                #expect(error?.subject == "192.0.2.1")
                try await loop.untilNoNamesAreLookedUp()
            }
        }

        @Test(arguments: ["", "two words", "nul\0"])
        func `what no host is called is refused`(host: String) async throws {
            try await withTestLoop { loop in
                let error = await #expect(throws: IOError.self) {
                    try await loop.addresses(of: host)
                }
                #expect(error?.code == .invalidArgument)
            }
        }

        @Test func `a timeout of nothing is refused, and a stopped loop says so`() async throws {
            let loop = try await withTestLoop { loop in
                let error = await #expect(throws: IOError.self) {
                    try await loop.addresses(of: "localhost", timeout: .zero)
                }
                #expect(error?.code == .invalidArgument)
                return loop
            }
            let error = await #expect(throws: IOError.self) {
                try await loop.addresses(of: "localhost")
            }
            #expect(error?.code == .loopStopped)
            let other = await #expect(throws: IOError.self) {
                try await loop.name(of: .loopback(port: 1))
            }
            #expect(other?.code == .loopStopped)
        }

        /// A resolver with answers of its own; without any it waits until it is cancelled.
        private struct Book: HostResolver {
            let entries: [String: [SocketAddress]]
            let asked = Recorder<String>()

            func addresses(of host: String, on loop: EventLoop) async throws -> [SocketAddress] {
                #expect(loop.isCurrent)
                asked.add(host)
                if let found = entries[host] { return found }
                try await loop.clock.sleep(for: .seconds(1000))
                return []
            }
        }

        @Test func `a resolver of one's own finds where to connect`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let listener = try RawSocket.listening()
                defer { listener.close() }
                let book = Book(entries: ["db.example": [.loopback(port: 0)], "gone.example": []])
                let endpoint = try Endpoint(host: "db.example", port: Int(listener.address.port))
                let near = try await TCPConnection.connect(to: endpoint, on: loop, resolver: book)
                #expect(near.remoteAddress == listener.address)
                try listener.accept().close()
                try await near.close()
                let error = await #expect(throws: IOError.self) {
                    try await TCPConnection.connect(to: "gone.example:1", on: loop, resolver: book)
                }
                #expect(error?.code == .unknownHost && error?.subject == "gone.example")
                _ = try? await TCPConnection.connect(to: "127.0.0.1:1", on: loop, resolver: book)
                #expect(book.asked.all == ["db.example", "gone.example"])
            }
        }

        @Test func `a resolver that does not answer is given up at the timeout or a cancel`()
            async throws
        {
            try await withTestLoop { loop in
                let book = Book(entries: [:])
                let error = await #expect(throws: IOError.self) {
                    try await TCPConnection.connect(
                        to: "slow.example:1", on: loop, timeout: .milliseconds(50), resolver: book)
                }
                #expect(error?.code == .timedOut)
                #expect(error.map { "\($0)" }?.contains("slow.example") == true)
                let attempt = loop.task {
                    try await TCPConnection.connect(to: "slow.example:1", on: loop, resolver: book)
                }
                for _ in 0..<10_000 where book.asked.count < 2 { await Task.yield() }
                attempt.cancel()
                await #expect(throws: CancellationError.self) { try await attempt.value }
                #expect(loop.core.timers.count == 0)
            }
        }
    }
}

extension EventLoop {
    /// Waits until the system's resolver has ended what it was asked, also what nobody waits for any more: where
    /// no server answers that takes it longer than the tests wait, and until then it has a socket open.
    func untilNoNamesAreLookedUp() async throws {
        try await waiting(for: .seconds(45), "the resolver's end") {
            while self.core.resolver.threadCount > 0 {
                try await self.clock.sleep(for: .milliseconds(1))
            }
        }
    }
}
