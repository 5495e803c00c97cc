import Testing

@testable import Heddle

extension HeddleTests {
    /// FAULTS.md L12 for names: a resolver that hangs holds nobody up.
    @Suite struct NameLookupTests {
        /// A resolver that answers when the test says so, with an address of the loopback network.
        private final class SlowResolver: Sendable {
            let release = Signal()
            let threads = Recorder<Int>()
            let asked = Recorder<String>()
            private let inside = Counter()
            let most = Recorder<Int>()
            let began: Signal

            init(beginning count: Int = 1) { began = Signal(after: count) }

            func install(on loop: EventLoop) async {
                await loop.run { loop in
                    loop.core.resolver = NameResolver { self.answer($0) }
                }
            }

            private func answer(_ host: String) -> NameResolver.Answer {
                threads.add(ResourceCheck.currentThread)
                asked.add(host)
                most.add(inside.add())
                began.fire()
                _ = release.waitBlocking()
                inside.add(-1)
                let address = SocketAddress.loopback(port: 0)
                return .success([
                    address.withSockaddr {
                        Array(UnsafeRawBufferPointer(start: $0, count: Int($1)))
                    }
                ])
            }
        }

        private static func connect(to host: String, on loop: EventLoop) -> Task<Void, any Error> {
            Task {
                let endpoint = try Endpoint(host: host, port: 1)
                _ = try await TCPConnection.connect(to: endpoint, on: loop)
            }
        }

        @Test func `look-ups from many threads at once run on the loop`() async throws {
            let rounds = TestScale.times(50, full: 2_000)
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                try await withThrowingTaskGroup(of: Void.self) { group in
                    // On Swift's global pool: a timer set there would trap.
                    for number in 0..<8 {
                        group.addTask {
                            for _ in 0..<rounds {
                                if number % 2 == 0 {
                                    _ = try await loop.addresses(of: "localhost")
                                } else {
                                    _ = try await loop.name(of: .loopback(port: 0))
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }

        @Test func `a stop does not wait for a resolver that hangs`() async throws {
            let check = try await ResourceCheck()
            let runtime = try Runtime.start(.init(threads: 1))
            let loop = runtime.loops[0]
            let resolver = SlowResolver()
            await resolver.install(on: loop)
            let attempt = Self.connect(to: "slow.test", on: loop)
            try await resolver.began.wait()
            try await waiting { try await runtime.stop(within: .zero) }
            let error = await #expect(throws: IOError.self) { try await attempt.value }
            #expect(error?.code == .loopStopped)
            await expectNothingLeft(on: loop)
            // The thread was left to itself, and ends with its look-up.
            resolver.release.fire()
            ResourceCheck.expectEnded(threads: resolver.threads.all)
            check.expectUnchanged()
        }

        @Test func `more names than threads are looked up in turn`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let resolver = SlowResolver(beginning: NameResolver.maximumThreads)
                await resolver.install(on: loop)
                let attempts = (0..<10).map { Self.connect(to: "name\($0).test", on: loop) }
                try await waiting { try await resolver.began.wait() }
                resolver.release.fire()
                for attempt in attempts {
                    let error = await #expect(throws: IOError.self) { try await attempt.value }
                    #expect(error?.code == .connectionRefused)
                }
                #expect(Set(resolver.asked.all) == Set((0..<10).map { "name\($0).test" }))
                #expect(resolver.most.all.max() == NameResolver.maximumThreads)
            }
        }

        /// FAULTS.md N12, as it is for names.
        @Test func `a name too many is refused at once, and the others are looked up`() async throws
        {
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let resolver = SlowResolver(beginning: NameResolver.maximumThreads)
                await resolver.install(on: loop)
                let bound = NameResolver.maximumThreads + NameResolver.maximumWaiting
                var lookups: [Task<[SocketAddress], any Error>] = []
                for number in 0..<bound {
                    lookups.append(loop.task { try await loop.addresses(of: "name\(number).test") })
                    // Those that threads have taken no longer wait.
                    if number == NameResolver.maximumThreads - 1 {
                        try await waiting { try await resolver.began.wait() }
                    }
                }
                // Tasks of a loop begin in their order.
                let last = loop.task { try await loop.addresses(of: "last.test") }
                let error = await expectError(.resourcesExhausted) { _ = try await last.value }
                #expect(error?.subject == "last.test")
                resolver.release.fire()
                for lookup in lookups { #expect(try await lookup.value.count == 1) }
                #expect(resolver.asked.count == bound)
            }
        }

        @Test func `a cancelled look-up ends at once, and does not begin later`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let resolver = SlowResolver(beginning: NameResolver.maximumThreads)
                await resolver.install(on: loop)
                let begun = (0..<NameResolver.maximumThreads).map {
                    Self.connect(to: "begun\($0).test", on: loop)
                }
                try await waiting { try await resolver.began.wait() }
                let waitingOnes = (0..<10).map {
                    Self.connect(to: "waiting\($0).test", on: loop)
                }
                for attempt in waitingOnes + begun {
                    attempt.cancel()
                    await #expect(throws: CancellationError.self) {
                        try await waiting { try await attempt.value }
                    }
                }
                resolver.release.fire()
                #expect(resolver.asked.all.allSatisfy { $0.hasPrefix("begun") })
            }
        }

        @Test func `a resolver that hangs is given up at the timeout`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let resolver = SlowResolver()
                await resolver.install(on: loop)
                let error = await #expect(throws: IOError.self) {
                    try await TCPConnection.connect(
                        to: "slow.test:1", on: loop, timeout: .milliseconds(20))
                }
                #expect(error?.code == .timedOut)
                #expect(error?.subject == "slow.test")
                resolver.release.fire()
            }
        }

        @Test func `threads end when no name waits`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                for _ in 0..<20 {
                    let error = await #expect(throws: IOError.self) {
                        try await TCPConnection.connect(to: "localhost:0", on: loop)
                    }
                    #expect(error?.operation.hasPrefix("connect") == true)
                }
                try await waiting {
                    while await loop.run({ $0.core.resolver.threadCount }) > 0 {
                        await Task.yield()
                    }
                }
            }
        }
    }
}
