import Testing

@testable import Heddle

extension HeddleTests {
    /// Senders and receivers on several loops, cancelled at random moments: everything that a `send` said was
    /// sent is received once, and nothing else is.
    @Suite struct ChannelRaceTests {
        @Test(arguments: Seed.some(4))
        func `random cancellations lose nothing and double nothing`(seed: Seed) async throws {
            var random = seed.generator
            for capacity in [0, 1, 7] {
                let count = TestScale.times(2_000, full: 50_000)
                // Spins between starting a task and cancelling it; negative for those that are not.
                let spins = (0..<(2 * count)).map { _ in
                    Int.random(in: -400..<400, using: &random)
                }
                try await Self.exchange(count, through: capacity, spins: spins)
            }
        }

        private static func exchange(
            _ count: Int, through capacity: Int, spins: [Int]
        ) async throws {
            let channel = MessageChannel<Int>(capacity: capacity)
            let sent = Recorder<Int>()
            let received = Recorder<Int>()
            try await withTestRuntime(threads: 3, limit: .seconds(300)) { runtime in
                try await withThrowingDiscardingTaskGroup { group in
                    for part in 0..<4 {
                        group.addTask {
                            for number in stride(from: part, to: count, by: 4) {
                                let task = runtime.loops[number % 3].task {
                                    try await channel.send(number)
                                    sent.add(number)
                                }
                                await end(task, after: spins[number])
                            }
                        }
                        group.addTask {
                            for number in stride(from: part, to: count, by: 4) {
                                let task = runtime.loops[(number + 1) % 3].task {
                                    if let element = try await channel.receive() {
                                        received.add(element)
                                    }
                                }
                                await end(task, after: spins[count + number])
                            }
                        }
                    }
                }
            }
            while let element = channel.tryReceive() { received.add(element) }
            #expect(channel.waitingSenders == 0 && channel.waitingReceivers == 0)
            #expect(received.all.sorted() == sent.all.sorted())
            #expect(sent.count > 0)
        }

        /// Cancels the task after some spins; those that are not to be cancelled now are, when it becomes
        /// clear that nobody would end them.
        private static func end(_ task: Task<Void, any Error>, after spins: Int) async {
            if spins >= 0 {
                for _ in 0..<spins where task.isCancelled { break }
                task.cancel()
            }
            let guardian = Task {
                // Sleeps: the bound for those that have nobody to meet.
                try await Task.sleep(for: .milliseconds(2), clock: .continuous)
                task.cancel()
            }
            _ = await task.result
            guardian.cancel()
        }

        @Test func `many producers and consumers on several loops pass everything once, in order`()
            async throws
        {
            let count = TestScale.times(20_000, full: 500_000)
            try await withTestRuntime(threads: 3, limit: .seconds(300)) { runtime in
                let channel = MessageChannel<[Int]>(capacity: 16)
                let consumers = (0..<3).map { index in
                    runtime.loops[index].task {
                        var received: [[Int]] = []
                        for await element in channel { received.append(element) }
                        return received
                    }
                }
                let producers = (0..<4).map { part in
                    runtime.loops[part % 3].task {
                        for number in 0..<(count / 4) { try await channel.send([part, number]) }
                    }
                }
                for producer in producers { try await producer.value }
                channel.finish()
                var numbers = [[Int]](repeating: [], count: 4)
                for consumer in consumers {
                    let received = try await consumer.value
                    for part in 0..<4 {
                        let ofPart = received.filter { $0[0] == part }.map { $0[1] }
                        #expect(ofPart == ofPart.sorted(), "each consumer sees a producer in order")
                        numbers[part] += ofPart
                    }
                }
                for part in 0..<4 { #expect(numbers[part].sorted() == Array(0..<(count / 4))) }
            }
        }

        /// Finish against send and receive.
        @Test(arguments: Seed.some(4))
        func `a finish among senders and receivers loses nothing that was sent`(
            seed: Seed
        ) async throws {
            try await withTestRuntime(threads: 2, limit: .seconds(120)) { runtime in
                var random = seed.generator
                for _ in 0..<TestScale.times(300, full: 10_000) {
                    let capacity = Int.random(in: 0...2, using: &random)
                    let channel = MessageChannel<Int>(capacity: capacity)
                    let sent = Counter()
                    let received = Counter()
                    let senders = (0..<3).map { index in
                        runtime.loops[index % 2].task {
                            for _ in 0..<20 {
                                try await channel.send(1)
                                sent.add()
                            }
                        }
                    }
                    let receivers = (0..<2).map { index in
                        runtime.loops[index].task {
                            for await element in channel { received.add(element) }
                        }
                    }
                    let spins = Int.random(in: 0..<20_000, using: &random)
                    for _ in 0..<spins where channel.capacity > 2 { break }
                    channel.finish()
                    for sender in senders { _ = await sender.result }
                    for receiver in receivers { try await receiver.value }
                    #expect(sent.value == received.value)
                }
            }
        }
    }
}
