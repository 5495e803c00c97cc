import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// Cancellations, closes and stops at any moment, over and over; FAULTS.md N10 and L12 for datagrams of the Unix
    /// family.
    @Suite struct UnixDatagramRaceTests {
        @Test func `a receive cancelled as a datagram comes loses none`() async throws {
            let rounds = TestScale.times(2_000, full: 20_000)
            try await withTestRuntime(threads: 2) { runtime in
                let (near, far) = try await UnixDatagramSocket.pair(
                    on: runtime.loops[0], and: runtime.loops[1])
                for round in 0..<rounds {
                    let taking = runtime.loops[1].task { try await far.receive() }
                    if round % 3 == 0 { await Task.yield() }
                    try await near.send(Bytes("\(round)"))
                    if round % 2 == 0 { await Task.yield() }
                    taking.cancel()
                    let datagram: UnixDatagram
                    do {
                        datagram = try await taking.value
                    } catch is CancellationError {
                        datagram = try await waiting { try await far.receive() }
                    }
                    #expect(datagram.bytes == Bytes("\(round)"))
                }
                await near.close()
                await far.close()
            }
        }

        @Test func `a send cancelled as room comes is sent once or not at all`() async throws {
            let rounds = TestScale.times(2_000, full: 20_000)
            try await withTestRuntime(threads: 2) { runtime in
                let (loop, other) = (runtime.loops[0], runtime.loops[1])
                let receiver = try await UnixDatagramSocket.bind(to: .forTest(), on: other)
                let address = try #require(receiver.localAddress)
                let senders = [
                    try await UnixDatagramSocket.open(on: loop),
                    try await UnixDatagramSocket.connect(to: address, on: loop),
                ]
                let sent = Recorder<Int>()
                let sending = loop.task {
                    for round in 0..<rounds {
                        let sender = senders[round % 2]
                        let task = loop.task {
                            try await sender.send(Bytes("\(round)"), to: address)
                        }
                        if round % 3 == 0 { await Task.yield() }
                        if round % 5 != 0 { task.cancel() }
                        do {
                            try await task.value
                            sent.add(round)
                        } catch is CancellationError {}
                    }
                    try await senders[0].send("end", to: address)
                }
                var found: [Bytes] = []
                while found.last != "end" {
                    found.append(try await waiting { try await receiver.receive() }.bytes)
                }
                try await sending.value
                #expect(found.dropLast() == sent.all.map { Bytes("\($0)") }[...])
                for socket in senders + [receiver] { await socket.close() }
            }
        }

        @Test func `closes amid sends, receives and descriptors leave nothing`() async throws {
            let rounds = TestScale.times(500, full: 5_000)
            try await withTestRuntime(threads: 2) { runtime in
                let (loop, other) = (runtime.loops[0], runtime.loops[1])
                var options = UnixDatagramOptions()
                options.maximumUnclaimedDescriptors = 8
                for round in 0..<rounds {
                    let receiver = try await UnixDatagramSocket.bind(
                        to: .forTest(), on: other, options: options)
                    let address = try #require(receiver.localAddress)
                    let sender = try await UnixDatagramSocket.open(on: loop)
                    let sending = loop.task {
                        while true {
                            try await sender.send(
                                "x", to: address,
                                descriptors: round % 2 == 0 ? [.standardError] : [])
                        }
                    }
                    let receiving = other.task {
                        for try await datagram in receiver.datagrams {
                            for descriptor in datagram.descriptors { try descriptor.close() }
                        }
                    }
                    for _ in 0..<round % 20 { await Task.yield() }
                    let closing = other.task { await receiver.close() }
                    if round % 3 == 0 { await sender.close() }
                    try await closing.value
                    let error = await #expect(throws: IOError.self) {
                        try await waiting { try await sending.value }
                    }
                    #expect([.closed, .connectionRefused].contains(error?.code))
                    try await waiting { try await receiving.value }
                    await sender.close()
                }
            }
        }

        @Test func `a stop amid sends and receives ends each once`() async throws {
            for round in 0..<TestScale.times(100, full: 1_000) {
                let worker = Worker(name: "datagrams")
                try worker.start()
                let loop = try worker.loop
                let receiver = try await UnixDatagramSocket.bind(to: .forTest(), on: loop)
                let address = try #require(receiver.localAddress)
                let sender = try await UnixDatagramSocket.open(on: loop)
                let ends = Recorder<IOError.Code>()
                let receiving = loop.task {
                    do {
                        while true { _ = try await receiver.receiveBatch() }
                    } catch let error as IOError { ends.add(error.code) }
                }
                let sending = loop.task {
                    let many = [UnixDatagram](repeating: UnixDatagram("x", to: address), count: 40)
                    do {
                        while true {
                            _ = try await sender.send(many)
                            try await sender.send("y", to: address)
                        }
                    } catch let error as IOError { ends.add(error.code) }
                }
                if round % 2 == 0 { await Task.yield() }
                try await waiting { try await worker.stop(within: .zero) }
                try await receiving.value
                try await sending.value
                #expect(ends.all == [.loopStopped, .loopStopped])
                await expectNothingLeft(on: loop)
            }
        }

        @Test func `what nobody takes is bounded, and the senders wait`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                var options = UnixDatagramOptions()
                options.receiveQueueBytes = 64 * 1024
                let receiver = try await UnixDatagramSocket.bind(
                    to: .forTest(), on: runtime.loops[0], options: options)
                let address = try #require(receiver.localAddress)
                let sender = try await UnixDatagramSocket.open(on: runtime.loops[1])
                let flood = runtime.loops[1].task {
                    while true {
                        try await sender.send(Bytes(repeatElement(1, count: 1_000)), to: address)
                    }
                }
                // From the first receive on the socket is read.
                _ = try await waiting { try await receiver.receive() }
                try await runtime.loops[0].task {
                    try await waiting {
                        while !receiver.core.isPaused {
                            try await runtime.loops[0].clock.sleep(for: .milliseconds(1))
                        }
                    }
                    let held = receiver.core.unread.byteCount
                    #expect(held >= 64 * 1024 && held < 64 * 1024 + 64 * 1_064)
                    #expect(receiver.core.interest.isEmpty)
                    // Receiving goes on when half of that is taken.
                    for _ in 0..<1_000 { _ = try await waiting { try await receiver.receive() } }
                }.value
                flood.cancel()
                await #expect(throws: CancellationError.self) { try await flood.value }
                await sender.close()
                await receiver.close()
            }
        }
    }
}
