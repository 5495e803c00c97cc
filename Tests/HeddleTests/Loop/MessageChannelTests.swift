import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct MessageChannelTests {
        /// Waits until so many senders or receivers are in line, which a channel tells nobody.
        private func untilWaiting(
            _ count: Int, on loop: EventLoop, _ waiting: @escaping @Sendable () -> Int
        ) async throws {
            for _ in 0..<10_000 where waiting() != count {
                try await loop.clock.sleep(for: .microseconds(100))
            }
            #expect(waiting() == count)
        }

        @Test func `elements come out in order and then the end`() async throws {
            try await withTestLoop { loop in
                let channel = MessageChannel<Int>(capacity: 4)
                let reader = loop.task {
                    var received: [Int] = []
                    for await element in channel { received.append(element) }
                    return received
                }
                for number in 0..<1000 { try await channel.send(number) }
                channel.finish()
                #expect(try await reader.value == Array(0..<1000))
                #expect(try await channel.receive() == nil)
            }
        }

        @Test func `on one loop what need not wait is done without a suspension`() async throws {
            try await withTestLoop { loop in
                let channel = MessageChannel<Int>(capacity: 2)
                let others = Counter()
                loop.post { others.add() }
                try await channel.send(1)
                try await channel.send(2)
                #expect(try await channel.receive() == 1)
                #expect(try await channel.receive() == 2)
                #expect(others.value == 0, "the loop had no turn meanwhile")
            }
        }

        @Test func `a sender waits while the channel is full`() async throws {
            try await withTestLoop { loop in
                let channel = MessageChannel<Int>(capacity: 1)
                try await channel.send(1)
                #expect(try !channel.trySend(2))
                let sent = Signal()
                let sender = loop.task {
                    try await channel.send(3)
                    sent.fire()
                }
                try await untilWaiting(1, on: loop) { channel.waitingSenders }
                #expect(!sent.hasFired && channel.count == 1)
                #expect(try await channel.receive() == 1)
                try await waiting { try await sender.value }
                #expect(channel.tryReceive() == 3)
                #expect(channel.tryReceive() == nil)
            }
        }

        @Test func `without capacity a sender waits for its receiver`() async throws {
            try await withTestLoop { loop in
                let channel = MessageChannel<Int>(capacity: 0)
                #expect(try !channel.trySend(1))
                let sender = loop.task { try await channel.send(2) }
                try await untilWaiting(1, on: loop) { channel.waitingSenders }
                #expect(try await channel.receive() == 2)
                try await waiting { try await sender.value }
            }
        }

        @Test func `a cancelled send was not sent, and a cancelled receive took nothing`()
            async throws
        {
            try await withTestLoop { loop in
                let channel = MessageChannel<Int>(capacity: 1)
                let receiver = loop.task { try await channel.receive() }
                try await untilWaiting(1, on: loop) { channel.waitingReceivers }
                receiver.cancel()
                await #expect(throws: CancellationError.self) { try await receiver.value }
                try await channel.send(1)
                let sender = loop.task { try await channel.send(2) }
                try await untilWaiting(1, on: loop) { channel.waitingSenders }
                sender.cancel()
                await #expect(throws: CancellationError.self) { try await sender.value }
                #expect(try await channel.receive() == 1)
                #expect(channel.count == 0 && channel.waitingSenders == 0)
            }
        }

        @Test func `a task cancelled before changes nothing`() async throws {
            try await withTestLoop { loop in
                let channel = MessageChannel<Int>(capacity: 2)
                try await channel.send(1)
                let task = loop.task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    await #expect(throws: CancellationError.self) { try await channel.send(2) }
                    await #expect(throws: CancellationError.self) { try await channel.receive() }
                    for await element in channel { Issue.record("\(element) was taken out") }
                }
                try await task.value
                #expect(channel.tryReceive() == 1 && channel.count == 0)
            }
        }

        @Test func `finishing ends every wait`() async throws {
            try await withTestLoop { loop in
                let full = MessageChannel<Int>(capacity: 0)
                let empty = MessageChannel<Int>(capacity: 0)
                let sender = loop.task { try await full.send(1) }
                let receiver = loop.task { try await empty.receive() }
                try await untilWaiting(2, on: loop) {
                    full.waitingSenders + empty.waitingReceivers
                }
                full.finish()
                empty.finish()
                empty.finish()
                let error = await #expect(throws: IOError.self) { try await sender.value }
                #expect(error?.code == .closed)
                #expect(try await receiver.value == nil)
                #expect(throws: IOError.self) { _ = try full.trySend(2) }
                await #expect(throws: IOError.self) { try await empty.send(2) }
            }
        }

        @Test func `tasks go on where they waited`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (first, second) = (runtime.loops[0], runtime.loops[1])
                let questions = MessageChannel<Int>(capacity: 1)
                let answers = MessageChannel<Int>(capacity: 1)
                let server = second.task {
                    for await question in questions {
                        #expect(second.isCurrent)
                        try await answers.send(question * 2)
                    }
                    #expect(second.isCurrent)
                }
                let client = first.task {
                    for number in 0..<500 {
                        try await questions.send(number)
                        #expect(try await answers.receive() == number * 2)
                        #expect(first.isCurrent)
                    }
                    questions.finish()
                }
                try await waiting { try await client.value }
                try await waiting { try await server.value }
            }
        }

        @Test func `an element's end may use the channel`() async throws {
            final class Returning: Sendable {
                let channel: MessageChannel<Returning>
                init(_ channel: MessageChannel<Returning>) { self.channel = channel }
                deinit { channel.finish() }
            }
            try await withTestLoop { loop in
                let channel = MessageChannel<Returning>(capacity: 0)
                let sender = loop.task { try await channel.send(Returning(channel)) }
                try await untilWaiting(1, on: loop) { channel.waitingSenders }
                sender.cancel()
                _ = try await waiting { await sender.result }
                #expect(try await channel.receive() == nil)
            }
        }

        @Test func `a wait on a loop that has ended can still be cancelled`() async throws {
            let channel = MessageChannel<Int>(capacity: 1)
            let worker = Worker(name: "ending")
            try worker.start()
            let loop = try worker.loop
            let receiver = loop.task { try await channel.receive() }
            try await untilWaiting(1, on: loop) { channel.waitingReceivers }
            try await worker.stop(within: .zero)
            receiver.cancel()
            await #expect(throws: CancellationError.self) {
                try await waiting { try await receiver.value }
            }
        }
    }
}
