import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct SendFileTests {
        /// More than all buffers between the two ends hold.
        static let manyBytes = 16 << 20

        /// Gives `body` an open file with `count` bytes of the pattern, or with a hole of so many.
        static func withFile(
            _ count: Int, sparse: Bool = false, options: FileOptions = .reading, on loop: EventLoop,
            _ body: @escaping @Sendable (File) async throws -> Void
        ) async throws {
            try await loop.files.withTemporaryDirectory { folder in
                let path = folder.appending("file")
                let descriptor = open(path.string, O_WRONLY | O_CREAT, 0o600)
                var pattern = Pattern()
                while !sparse, pattern.position < count {
                    let bytes = pattern.array(min(1 << 20, count - pattern.position))
                    #expect(write(descriptor, bytes, bytes.count) == bytes.count)
                }
                #expect(ftruncate(descriptor, count) == 0)
                close(descriptor)
                let file = try await File.open(path, options, on: loop)
                try await body(file)
                try await file.close()
            }
        }

        /// The file is under way.
        static func expectFirstByte(_ peer: RawSocket) async throws {
            // The wait must not be the loop's.
            let byte = try await Task.detached { try peer.readOnce(upTo: 1) }.value
            #expect(byte.count == 1)
        }

        /// What comes behind `count` bytes, which must come, to the end.
        private static func tail(of peer: RawSocket, after count: Int) throws -> [UInt8] {
            var received = 0
            var tail: [UInt8] = []
            while true {
                let bytes = try peer.readOnce()
                tail += bytes.dropFirst(max(0, count - received))
                received += bytes.count
                if bytes.isEmpty { break }
            }
            #expect(received == count + tail.count)
            return tail
        }

        /// Reads until the connection has been reset.
        static func expectReset(_ peer: RawSocket) async {
            let failure = await #expect(throws: RawSocket.Failure.self) {
                // As above.
                try await Task.detached {
                    while true { if try peer.readOnce().isEmpty { return } }
                }.value
            }
            #expect(failure?.number == ECONNRESET)
        }

        // MARK: Bytes

        @Test(arguments: StreamKind.all)
        func `a file comes behind what was written before, and before what is written meanwhile`(
            kind: StreamKind
        ) async throws {
            try await kind.withPair { near, far in
                let count = 5 << 20
                try await Self.withFile(count, on: near.loop!) { file in
                    try await near.write("head")
                    let sending = Task { try await near.sendFile(file) }
                    try await waiting {
                        while await near.loop!.run({ _ in near.core.unsentHighWater >= 0 }) {
                            await Task.yield()
                        }
                    }
                    let writing = Task { try await near.write("tail") }
                    #expect(try await far.read(exactly: 4) == "head")
                    var pattern = Pattern()
                    while pattern.position < count {
                        let bytes = try #require(
                            try await far.read(upTo: count - pattern.position))
                        let isRight = pattern.matches(bytes)
                        #expect(isRight)
                    }
                    #expect(try await far.read(exactly: 4) == "tail")
                    #expect(try await sending.value == Int64(count))
                    try await writing.value
                }
            }
        }

        @Test func `any part of a file may be sent, an empty one too`() async throws {
            try await StreamKind.tcpIPv4.withPair { near, far in
                try await Self.withFile(100_000, on: near.loop!) { file in
                    let sent = [
                        try await near.sendFile(file, from: 90_000),
                        try await near.sendFile(file, from: 70_000, count: 20_000),
                        try await near.sendFile(file, count: 0),
                        try await near.sendFile(file, from: 100_000),
                        try await near.sendFile(file, from: 1 << 40),
                    ]
                    #expect(sent == [10_000, 20_000, 0, 0, 0])
                    var pattern = Pattern()
                    let all = pattern.array(100_000)
                    let expected = Array(all[90_000...] + all[70_000..<90_000])
                    #expect(try await far.read(exactly: 30_000) == Bytes(expected))
                }
                try await Self.withFile(0, on: near.loop!) { file in
                    let sent = try await near.sendFile(file)
                    #expect(sent == 0)
                }
                try await near.close()
                #expect(try await far.read() == nil)
            }
        }

        @Test func `a large file arrives whole`() async throws {
            let count = TestScale.times(64 << 20, full: 1 << 30)
            try await StreamKind.tcpIPv4.withPair { near, far in
                try await Self.withFile(count, sparse: true, on: near.loop!) { file in
                    let sending = near.loop!.task {
                        #expect(try await near.sendFile(file) == Int64(count))
                        try await near.close()
                    }
                    var received = 0
                    while let bytes = try await far.read() { received += bytes.count }
                    #expect(received == count)
                    try await sending.value
                }
            }
        }

        @Test func `a file of another loop is sent as any other`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (near, peer) = try await StreamKind.tcpIPv4.connect(on: runtime.loops[0])
                defer { peer.close() }
                try await Self.withFile(50_000, on: runtime.loops[1]) { file in
                    #expect(try await near.sendFile(file) == 50_000)
                    var pattern = Pattern()
                    let bytes = try peer.read(exactly: 50_000)
                    let isRight = pattern.matches(bytes)
                    #expect(isRight)
                }
                try await near.close()
            }
        }

        // MARK: Waiting

        @Test func `a slow peer holds up neither the loop nor the file work of others`()
            async throws
        {
            try await StreamKind.tcpIPv4.withPeer { near, peer in
                let loop = near.loop!
                try await Self.withFile(Self.manyBytes, sparse: true, on: loop) { file in
                    let sent = Recorder<Int64>()
                    let sending = loop.task { sent.add(try await near.sendFile(file)) }
                    try await Self.expectFirstByte(peer)
                    for _ in 0..<200 { _ = try await loop.files.status(of: "/tmp") }
                    #expect(sent.all.isEmpty)
                    let reading = Task.detached {
                        try Self.tail(of: peer, after: Self.manyBytes - 1)
                    }
                    try await sending.value
                    try await near.close()
                    #expect(try await reading.value.isEmpty)
                    #expect(sent.all == [Int64(Self.manyBytes)])
                }
            }
        }

        @Test func `a close of the file waits until it has been sent`() async throws {
            try await StreamKind.tcpIPv4.withPeer { near, peer in
                let loop = near.loop!
                try await Self.withFile(Self.manyBytes, sparse: true, on: loop) { file in
                    let sending = loop.task { try await near.sendFile(file) }
                    try await Self.expectFirstByte(peer)
                    let closing = loop.task { try await file.close() }
                    let reading = Task.detached {
                        try Self.tail(of: peer, after: Self.manyBytes - 1)
                    }
                    #expect(try await sending.value == Int64(Self.manyBytes))
                    try await closing.value
                    try await near.close()
                    #expect(try await reading.value.isEmpty)
                }
            }
        }

        // MARK: Breaking off

        @Test(arguments: [StreamKind.tcpIPv4, .inHandler, .offLoop])
        func `cancelled amid a file, the connection is reset`(kind: StreamKind) async throws {
            try await kind.withPeer { near, peer in
                try await Self.withFile(Self.manyBytes, sparse: true, on: near.loop!) { file in
                    let sending = Task { try await near.sendFile(file) }
                    try await Self.expectFirstByte(peer)
                    sending.cancel()
                    await #expect(throws: CancellationError.self) { try await sending.value }
                    await Self.expectReset(peer)
                    let error = await #expect(throws: IOError.self) { try await near.write("x") }
                    #expect(error?.code == .closed)
                    #expect(error?.reason.contains(file.path.string) == true)
                }
            }
        }

        @Test func `cancelled before its first byte, the connection goes on`() async throws {
            try await StreamKind.tcpIPv4.withPeer { near, peer in
                let loop = near.loop!
                try await Self.withFile(Self.manyBytes, sparse: true, on: loop) { file in
                    let first = loop.task { try await near.sendFile(file) }
                    try await Self.expectFirstByte(peer)
                    let second = loop.task { try await near.sendFile(file) }
                    await Task.yield()
                    second.cancel()
                    await #expect(throws: CancellationError.self) { try await second.value }
                    let reading = Task.detached {
                        try Self.tail(of: peer, after: Self.manyBytes - 1)
                    }
                    #expect(try await first.value == Int64(Self.manyBytes))
                    try await near.write("more")
                    try await near.close()
                    #expect(try await reading.value == Array("more".utf8))
                }
            }
        }

        @Test func `a peer that resets is one error, which names the file and the peer`()
            async throws
        {
            try await StreamKind.tcpIPv4.withPeer { near, peer in
                let loop = near.loop!
                try await Self.withFile(Self.manyBytes, sparse: true, on: loop) { file in
                    let sending = loop.task { try await near.sendFile(file) }
                    try await Self.expectFirstByte(peer)
                    var option = linger(l_onoff: 1, l_linger: 0)
                    setsockopt(
                        peer.descriptor, SOL_SOCKET, SO_LINGER, &option,
                        socklen_t(MemoryLayout<linger>.size))
                    // The descriptor stays the test's to close.
                    let nothing = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                    dup2(nothing, peer.descriptor)
                    close(nothing)
                    let error = await #expect(throws: IOError.self) { try await sending.value }
                    #expect(error?.code == .broken)
                    #expect(error?.subject?.hasSuffix("\(near.core.subject)") == true)
                    let later = await #expect(throws: IOError.self) { try await near.write("x") }
                    #expect(later?.code == .broken)
                }
            }
        }

        @Test func `a file that becomes shorter is not sent as if it were whole`() async throws {
            try await StreamKind.tcpIPv4.withPeer { near, peer in
                let loop = near.loop!
                try await Self.withFile(
                    Self.manyBytes, sparse: true, options: .readingAndWriting, on: loop
                ) { file in
                    let sending = loop.task {
                        try await near.sendFile(file, count: Int64(Self.manyBytes))
                    }
                    try await Self.expectFirstByte(peer)
                    try await file.truncate(to: 0)
                    let reading = Task.detached { await Self.expectReset(peer) }
                    let error = await #expect(throws: IOError.self) { try await sending.value }
                    #expect(error?.code == .unexpectedEnd)
                    await reading.value
                }
            }
        }

        @Test func `what is sent to its end ends where the file does by then`() async throws {
            try await StreamKind.tcpIPv4.withPeer { near, peer in
                let loop = near.loop!
                try await Self.withFile(
                    Self.manyBytes, sparse: true, options: .readingAndWriting, on: loop
                ) { file in
                    let sending = loop.task {
                        let count = try await near.sendFile(file)
                        try await near.close()
                        return count
                    }
                    try await Self.expectFirstByte(peer)
                    try await file.truncate(to: 1)
                    let reading = Task.detached { try peer.readToEnd().count }
                    let count = try await sending.value
                    #expect(count < Self.manyBytes)
                    #expect(try await reading.value == Int(count) - 1)
                }
            }
        }

        @Test func `a close of the connection amid a file resets it`() async throws {
            try await StreamKind.tcpIPv4.withPeer { near, peer in
                let loop = near.loop!
                try await Self.withFile(Self.manyBytes, sparse: true, on: loop) { file in
                    let sending = loop.task { try await near.sendFile(file) }
                    try await Self.expectFirstByte(peer)
                    try await near.close()
                    let error = await #expect(throws: IOError.self) { try await sending.value }
                    #expect(error?.code == .closed)
                    await Self.expectReset(peer)
                }
            }
        }
    }
}
