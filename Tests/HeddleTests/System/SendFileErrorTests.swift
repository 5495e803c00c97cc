import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct SendFileErrorTests {
        private static func error(
            of file: File, over connection: ByteStream, from offset: Int64 = 0,
            count: Int64? = nil
        ) async -> IOError? {
            await #expect(throws: IOError.self) {
                try await connection.sendFile(file, from: offset, count: count)
            }
        }

        @Test func `a stop of the loop ends a file's way with an error`() async throws {
            let ended = Recorder<Result<Int64, any Error>>()
            let listener = try RawSocket.listening()
            let peer = try RawSocket.connected(to: listener.address)
            defer { for end in [listener, peer] { end.close() } }
            try await withTestLoop(grace: .zero) { loop in
                let near = try await TCPConnection.adopting(
                    descriptor: try listener.accept().descriptor, on: loop)
                let file = try await loop.files.openTemporaryFile()
                try await file.truncate(to: Int64(SendFileTests.manyBytes))
                Task.detached {
                    do {
                        ended.add(.success(try await near.sendFile(file)))
                    } catch {
                        ended.add(.failure(error))
                    }
                }
                try await SendFileTests.expectFirstByte(peer)
            }
            try await waiting { while ended.all.isEmpty { await Task.yield() } }
            let error = #expect(throws: IOError.self) { try ended.all[0].get() }
            #expect(error?.code == .loopStopped)
            await SendFileTests.expectReset(peer)
        }

        @Test(arguments: Seed.some(TestScale.times(5, full: 200)))
        func `transfers broken off at random moments end once and leave nothing`(
            seed: Seed
        ) async throws {
            try await withTestLoop { loop in
                try await SendFileTests.withFile(4 << 20, sparse: true, on: loop) { file in
                    var random = seed.generator
                    for _ in 0..<10 {
                        let (near, peer) = try await StreamKind.tcpIPv4.connect(on: loop)
                        let sending = loop.task { try await near.sendFile(file) }
                        let reading = Task.detached {
                            while let bytes = try? peer.readOnce(upTo: 1 << 16), !bytes.isEmpty {}
                        }
                        for _ in 0..<Int.random(in: 0...60, using: &random) { await Task.yield() }
                        switch Int.random(in: 0...2, using: &random) {
                        case 0: sending.cancel()
                        case 1: near.reset()
                        default: loop.task { try await near.close() }
                        }
                        _ = try? await sending.value
                        near.reset()
                        await reading.value
                        peer.close()
                    }
                }
            }
        }

        // MARK: Bad input

        @Test func `what cannot be sent is refused by its path, and the connection goes on`()
            async throws
        {
            try await StreamKind.tcpIPv4.withPair { near, far in
                let loop = near.loop!
                let folder = try await File.open("/tmp", on: loop)
                let wrong = await Self.error(of: folder, over: near)
                #expect(wrong?.code == .wrongFileType)
                #expect(wrong?.subject == "/tmp")
                try await folder.close()
                #expect(await Self.error(of: folder, over: near)?.code == .closed)
                try await SendFileTests.withFile(10, options: .writing, on: loop) { file in
                    let error = await Self.error(of: file, over: near)
                    #expect(error?.code == .invalidArgument)
                    #expect(error?.subject?.hasPrefix(file.path.string) == true)
                }
                try await SendFileTests.withFile(10, on: loop) { file in
                    let ends = await Self.error(of: file, over: near, from: 20, count: 1)
                    #expect(ends?.code == .unexpectedEnd)
                    #expect(ends?.reason == "the file ended after 0 of 1 bytes")
                    for (offset, count): (Int64, Int64) in [(-1, 1), (0, -1), (.max, 1), (0, .max)]
                    {
                        let error = await Self.error(
                            of: file, over: near, from: offset, count: count)
                        #expect(error?.code == .invalidArgument)
                        #expect(error?.subject == file.path.string)
                    }
                    try await near.write("fine")
                    #expect(try await far.read(exactly: 4) == "fine")
                    try await near.shutdownWrite()
                    #expect(await Self.error(of: file, over: near)?.code == .closed)
                    try await near.close()
                    #expect(await Self.error(of: file, over: near)?.code == .closed)
                }
            }
        }
    }
}
