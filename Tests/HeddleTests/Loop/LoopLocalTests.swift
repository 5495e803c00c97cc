import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct LoopLocalTests {
        /// What an instance does in its life, and where. Not `Sendable`, as users' values need not be.
        private final class Instance {
            var uses = 0
            private let loop: EventLoop
            private let log: Recorder<String>

            init(_ loop: EventLoop, _ log: Recorder<String>) {
                self.loop = loop
                self.log = log
                log.add("\(loop.name) made \(loop.isCurrent ? "on it" : "elsewhere")")
            }

            deinit { log.add("\(loop.name) ended \(loop.isCurrent ? "on it" : "elsewhere")") }
        }

        private func local(_ runtime: Runtime, _ log: Recorder<String>) -> LoopLocal<Instance> {
            LoopLocal(on: runtime) { loop in Instance(loop, log) }
        }

        @Test func `each loop makes its own at first use, and keeps it`() async throws {
            let log = Recorder<String>()
            try await withTestRuntime(threads: 3) { runtime in
                let local = local(runtime, log)
                for loop in runtime.loops.dropLast() {
                    for use in 1...3 {
                        let uses = try await loop.task {
                            try local.withValue { instance in
                                instance.uses += 1
                                return instance.uses
                            }
                        }.value
                        #expect(uses == use)
                    }
                }
                #expect(log.all == (0...1).map { "heddle-\($0) made on it" })
            }
        }

        @Test func `instances end on their loops when the runtime stops`() async throws {
            let log = Recorder<String>()
            let kept = Recorder<LoopLocal<Instance>>()
            try await withTestRuntime(threads: 2) { runtime in
                let local = local(runtime, log)
                kept.add(local)
                try await runtime.forEachLoop { _ in try local.withValue { $0.uses += 1 } }
            }
            #expect(log.count == 4)
            for number in 0...1 { #expect(log.all.contains("heddle-\(number) ended on it")) }
        }

        @Test func `instances end on their loops when the value is dropped elsewhere`()
            async throws
        {
            let log = Recorder<String>()
            try await withTestRuntime(threads: 2) { runtime in
                do {
                    let local = local(runtime, log)
                    try await runtime.forEachLoop { _ in try local.withValue { $0.uses += 1 } }
                }
                // Behind the job that the drop left on each loop.
                for loop in runtime.loops {
                    for _ in 0..<10_000 where log.count < 4 { await loop.run { _ in } }
                    #expect(await loop.run { $0.core.locals.count } == 0)
                }
                #expect(log.all.filter { $0.hasSuffix("ended on it") }.count == 2)
            }
        }

        @Test func `values of one loop end in the opposite order of their creation`() async throws {
            final class Named {
                let name: String
                let log: Recorder<String>
                init(_ name: String, _ log: Recorder<String>) {
                    (self.name, self.log) = (name, log)
                }
                deinit { log.add(name) }
            }
            let log = Recorder<String>()
            let kept = Recorder<LoopLocal<Named>>()
            try await withTestRuntime(threads: 1) { runtime in
                for name in ["first", "second", "third"] {
                    let local = LoopLocal(on: runtime) { _ in Named(name, log) }
                    kept.add(local)
                    try await runtime.forEachLoop { _ in try local.withValue { _ in } }
                }
            }
            #expect(log.all == ["third", "second", "first"])
        }

        @Test func `off its loops it fails with a clear error`() async throws {
            let log = Recorder<String>()
            try await withTestRuntime(threads: 1) { runtime in
                let local = local(runtime, log)
                #expect(!local.isAvailable)
                let error = #expect(throws: IOError.self) { try local.withValue { _ in } }
                #expect(error?.code == .wrongThread)
                try await withTestLoop { other in
                    let error = #expect(throws: IOError.self) { try local.withValue { _ in } }
                    #expect(error?.code == .wrongThread)
                    #expect(other.isCurrent)
                }
                let isThere = try await runtime.loops[0].task { local.isAvailable }.value
                #expect(isThere)
            }
            #expect(log.count == 0)
        }

        @Test func `synchronous code on the loop may use it`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let local = LoopLocal(on: runtime) { _ in 41 }
                let seen = Recorder<Int>()
                let done = Signal()
                runtime.loops[0].post {
                    let value = try? local.withValue { value in
                        value += 1
                        return value
                    }
                    seen.add(value ?? 0)
                    done.fire()
                }
                try await done.wait()
                #expect(seen.all == [42])
            }
        }

        @Test func `what body throws comes out and leaves the value usable`() async throws {
            try await withTestLoop { loop in
                let local = LoopLocal(on: [loop]) { _ in 1 }
                #expect(throws: WaitedTooLong.self) {
                    try local.withValue { value in
                        value = 2
                        throw WaitedTooLong()
                    }
                }
                let value = try local.withValue { $0 }
                #expect(value == 2)
            }
        }

        /// Tasks that the stop wakes may still use it; later ones hear that the loop has stopped.
        @Test func `it lasts longer than the loop's timers, and not longer than the loop`()
            async throws
        {
            let worker = Worker(name: "last-uses")
            try worker.start()
            let loop = try worker.loop
            let local = LoopLocal(on: [loop]) { _ in 0 }
            let asleep = Signal()
            let sleeper = loop.task {
                try local.withValue { $0 = 7 }
                asleep.fire()
                do { try await loop.clock.sleep(for: .seconds(1000)) } catch let error as IOError {
                    #expect(error.code == .loopStopped)
                }
                return try local.withValue { $0 }
            }
            try await asleep.wait()
            try await worker.stop(within: .zero)
            #expect(try await sleeper.value == 7)
            let late = Recorder<IOError.Code>()
            let done = Signal()
            loop.post {
                do { try local.withValue { _ in } } catch { late.add((error as? IOError)!.code) }
                done.fire()
            }
            try await done.wait()
            #expect(late.all == [.loopStopped])
        }

        @Test func `an instance may close what belongs to the loop`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let server = try await runtime.listen(on: .loopback(port: 0))
                let endpoint = try Endpoint("\(server.localAddress)")
                let local = LoopLocal(on: runtime) { _ in [TCPConnection]() }
                try await runtime.forEachLoop { loop in
                    let connection = try await TCPConnection.connect(to: endpoint, on: loop)
                    try local.withValue { $0.append(connection) }
                }
            }
        }

        /// Drop against use and stop, on every thread.
        @Test(arguments: Seed.some(2))
        func `values dropped at any time end once, on their loops`(seed: Seed) async throws {
            var random = seed.generator
            for _ in 0..<TestScale.times(40, full: 2_000) {
                let log = Recorder<String>()
                let runtime = try Runtime.start(.init(threads: 2))
                let spins = Int.random(in: 0..<3_000, using: &random)
                let users = (0..<6).map { index in
                    runtime.loops[index % 2].task {
                        let local = LoopLocal(on: runtime.loops) { loop in Instance(loop, log) }
                        try local.withValue { $0.uses += 1 }
                        if index < 3 { await runtime.loops[(index + 1) % 2].run { _ in } }
                        try local.withValue { $0.uses += 1 }
                    }
                }
                for _ in 0..<spins where runtime.loops.isEmpty { break }
                try await waiting { try await runtime.stop(within: .zero) }
                for user in users { _ = await user.result }
                for loop in runtime.loops { await expectNothingLeft(on: loop) }
                let ended = log.all.filter { $0.hasSuffix("ended on it") }.count
                #expect(ended == log.all.filter { $0.hasSuffix("made on it") }.count)
                #expect(log.count == 2 * ended)
            }
        }

        @Test func `using it inside itself ends the process with a reason`() async {
            await #expect(processExitsWith: .failure) {
                let worker = Worker(name: "nested")
                try worker.start()
                let loop = try worker.loop
                let local = LoopLocal(on: [loop]) { _ in 0 }
                try await loop.task {
                    try local.withValue { _ in try local.withValue { _ in } }
                }.value
            }
        }
    }
}
