import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// File descriptors and credentials that come with datagrams.
    @Suite struct UnixDatagramDescriptorTests {
        private static func takers(_ limit: Int = 16) -> UnixDatagramOptions {
            var options = UnixDatagramOptions()
            options.maximumUnclaimedDescriptors = limit
            return options
        }

        @Test func `what was sent is a duplicate that works, closed on exec, to any address`()
            async throws
        {
            try await withTestLoop { loop in
                let (near, far) = try await UnixDatagramSocket.pair(
                    on: loop, options: Self.takers())
                let bound = try await UnixDatagramSocket.bind(
                    to: .forTest(), on: loop, options: Self.takers())
                let ways = [(near, far, nil), (bound, bound, bound.localAddress)]
                for (sender, receiver, address) in ways {
                    let (end, sent) = try RawSocket.pipe()
                    defer { end.close() }
                    try await sender.send("take this", to: address, descriptors: [sent])
                    try sent.close()
                    let datagram = try await waiting { try await receiver.receive() }
                    #expect(datagram.bytes == "take this" && !datagram.areDescriptorsLost)
                    let got = try #require(datagram.descriptors.first)
                    #expect(datagram.descriptors.count == 1)
                    #expect(fcntl(got.rawValue, F_GETFD) == FD_CLOEXEC)
                    _ = try got.writeAll("hello".utf8)
                    try got.close()
                    #expect(try end.readToEnd() == Array("hello".utf8))
                }
                for socket in [near, far, bound] { await socket.close() }
            }
        }

        @Test func `among many each has its own, up to the most there are, without bytes too`()
            async throws
        {
            try await withTestLoop { loop in
                let (near, far) = try await UnixDatagramSocket.pair(
                    on: loop, options: Self.takers(1_000))
                let (end, sent) = try RawSocket.pipe()
                let counts = [0, 1, 0, 2, 253, 0]
                let failures = try await near.send(
                    counts.map {
                        UnixDatagram("", descriptors: [FileDescriptor](repeating: sent, count: $0))
                    })
                #expect(failures.isEmpty)
                for count in counts {
                    let datagram = try await waiting { try await far.receive() }
                    #expect(datagram.bytes.isEmpty && datagram.descriptors.count == count)
                    for descriptor in datagram.descriptors { try descriptor.close() }
                }
                try sent.close()
                #expect(try end.readToEnd().isEmpty)
                end.close()
                await near.close()
                await far.close()
            }
        }

        @Test(arguments: ["close", "drop", "stop"])
        func `those that nobody took are closed with the socket`(how: String) async throws {
            let (end, sent) = try RawSocket.pipe()
            defer { end.close() }
            try await withTestLoop { loop in
                var pair: (UnixDatagramSocket, UnixDatagramSocket)? =
                    try await UnixDatagramSocket.pair(on: loop, options: Self.takers())
                for _ in 0..<4 { try await pair!.0.send("x", descriptors: [sent, sent]) }
                let first = try await waiting { [pair] in try await pair!.1.receive() }
                for descriptor in first.descriptors { try descriptor.close() }
                while await pair!.1.statistics.received < 4 {
                    try await loop.clock.sleep(for: .milliseconds(1))
                }
                switch how {
                case "close": await pair!.1.close()
                case "drop": break
                default: return
                }
                pair = nil
            }
            try sent.close()
            #expect(try end.readToEnd().isEmpty)
        }

        @Test func `a socket that takes none has the kernel close them, and tells`() async throws {
            try await withTestLoop { loop in
                var options = UnixDatagramOptions()
                for receivesCredentials in [false, true] {
                    options.receivesCredentials = receivesCredentials
                    let (near, far) = try await UnixDatagramSocket.pair(on: loop, options: options)
                    let (end, sent) = try RawSocket.pipe()
                    try await near.send("x", descriptors: [sent])
                    try sent.close()
                    let datagram = try await waiting { try await far.receive() }
                    #expect(datagram.bytes == "x" && datagram.descriptors.isEmpty)
                    #expect(datagram.areDescriptorsLost)
                    #expect((datagram.credentials != nil) == receivesCredentials)
                    #expect(try end.readToEnd().isEmpty)
                    end.close()
                    try await near.send("y")
                    #expect(try await !waiting { try await far.receive() }.areDescriptorsLost)
                    await near.close()
                    await far.close()
                }
            }
        }

        @Test func `no more are held than the bound, and none is lost`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (near, far) = try await UnixDatagramSocket.pair(
                    on: runtime.loops[0], and: runtime.loops[1], options: Self.takers(4))
                let (end, sent) = try RawSocket.pipe()
                let sending = runtime.loops[0].task {
                    for _ in 0..<200 { try await near.send("x", descriptors: [sent]) }
                }
                var got = 0
                while got < 200 {
                    let datagram = try await waiting { try await far.receive() }
                    got += datagram.descriptors.count
                    for descriptor in datagram.descriptors { try descriptor.close() }
                    let held = try await runtime.loops[1].task { far.core.unread.descriptorCount }
                        .value
                    #expect(held <= 4)
                }
                try await sending.value
                try sent.close()
                #expect(try end.readToEnd().isEmpty)
                end.close()
                await near.close()
                await far.close()
            }
        }

        @Test func `of a message that does not fit the process nothing is kept`() async throws {
            await #expect(processExitsWith: .success) {
                try await withTestLoop { loop in
                    let (near, far) = try await UnixDatagramSocket.pair(
                        on: loop, options: Self.takers())
                    let (end, sent) = try RawSocket.pipe()
                    try await near.send("many", descriptors: [sent, sent, sent, sent])
                    try sent.close()
                    let limit = DescriptorLimit.allowing(2)
                    let datagram = try await waiting { try await far.receive() }
                    #expect(datagram.bytes == "many" && datagram.areDescriptorsLost)
                    #expect(datagram.descriptors.isEmpty)
                    limit.restore()
                    #expect(try end.readToEnd().isEmpty)
                    end.close()
                    try await near.send("after")
                    #expect(try await waiting { try await far.receive() }.bytes == "after")
                    await near.close()
                    await far.close()
                }
            }
        }

        @Test func `bad descriptors fail their datagram alone`() async throws {
            try await withTestLoop { loop in
                let (near, far) = try await UnixDatagramSocket.pair(
                    on: loop, options: Self.takers())
                let closed = FileDescriptor(rawValue: 1 << 20)
                let good = FileDescriptor.standardError
                let failures = try await near.send([
                    UnixDatagram("a"), UnixDatagram("b", descriptors: [good, closed]),
                    UnixDatagram(
                        "c", descriptors: [FileDescriptor](repeating: good, count: 254)),
                    UnixDatagram("d"),
                ])
                #expect(failures.map(\.index) == [1, 2])
                #expect(failures.map(\.error.code) == [.invalidArgument, .invalidArgument])
                #expect(
                    failures.map(\.error.reason) == [
                        "one of the descriptors is not open",
                        "more than 253 descriptors in one datagram",
                    ])
                await expectError(.invalidArgument) {
                    try await near.send("x", descriptors: [closed])
                }
                for text in ["a", "d"] as [Bytes] {
                    #expect(try await waiting { try await far.receive() }.bytes == text)
                }
                await near.close()
                await far.close()
            }
        }

        @Test func `each datagram tells who sent it, if so asked`() async throws {
            try await withTestLoop { loop in
                var options = Self.takers()
                options.receivesCredentials = true
                let receiver = try await UnixDatagramSocket.bind(
                    to: .forTest(), on: loop, options: options)
                let sender = try await UnixDatagramSocket.open(on: loop)
                for descriptors in [[], [FileDescriptor.standardError]] {
                    try await sender.send(
                        "x", to: receiver.localAddress, descriptors: descriptors)
                    let datagram = try await waiting { try await receiver.receive() }
                    #expect(
                        datagram.credentials
                            == PeerCredentials(
                                processID: getpid(), userID: geteuid(), groupID: getegid()))
                    #expect(datagram.descriptors.count == descriptors.count)
                    for descriptor in datagram.descriptors { try descriptor.close() }
                }
                await sender.close()
                await receiver.close()
            }
        }
    }
}
