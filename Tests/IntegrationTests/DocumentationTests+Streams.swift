import Heddle
import Testing

/// The code of the articles that is about streams.
extension DocumentationTests {
    /// Sends zeros for as long as the peer takes them.
    final class Zeros: StreamHandler {
        private static let block = Bytes(repeatElement(0, count: 8 * 1024))

        func opened(_ stream: SynchronousStream) { fill(stream) }
        func drained(_ stream: SynchronousStream) { fill(stream) }
        func received(_ bytes: RawSpan, on stream: SynchronousStream) {}

        private func fill(_ stream: SynchronousStream) {
            while stream.isWritable { stream.write(Self.block) }
        }
    }

    @Test func `back-pressure: a handler holds back`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let server = try await runtime.listen(on: .loopback(port: 0))
            let serving = Task { try await server.serve(handler: { Zeros() }) }
            let connection = try await TCPConnection.connect(
                to: server.localAddress, on: runtime.nextLoop)
            for _ in 0..<200 { _ = try await connection.read(exactly: 64 * 1024) }
            connection.reset()
            try await server.stop(within: .zero)
            try await serving.value
        }
    }

    @Test func `back-pressure: bounds of one's own`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            var options = ListenOptions()
            options.maximumConnectionsPerLoop = 1_000
            options.connection.limits.unreadHighWater = 64 * 1024
            options.connection.limits.unsentHighWater = 64 * 1024
            options.connection.limits.unsentLowWater = 16 * 1024
            options.connection.limits.closeTimeout = .seconds(5)
            let server = try await runtime.listen(on: "127.0.0.1:0", options: options)
            #expect(server.localAddress.port > 0)
        }
    }

    struct FrameTooLong: Error { let length: Int }

    /// Echoes frames: four bytes of length in network order, and then so many bytes.
    private static func serveFrames(_ connection: TCPConnection) async throws {
        while let first = try await connection.read(upTo: 1) {
            let header = Bytes(joining: [first, try await connection.read(exactly: 3)])
            let length = header.reduce(0) { $0 << 8 | Int($1) }
            guard length <= 1 << 20 else { throw FrameTooLong(length: length) }
            let frame = try await connection.read(exactly: length)
            try await connection.write(contentsOf: [header, frame])
        }
    }

    @Test func `coming from SwiftNIO: frames`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let server = try await runtime.listen(on: .loopback(port: 0))
            let serving = Task { try await server.serve { try await Self.serveFrames($0) } }
            let connection = try await TCPConnection.connect(
                to: server.localAddress, on: runtime.nextLoop)
            for piece: [UInt8] in [[0, 0], [0, 3, 7], [8, 9], [0, 0, 0, 0]] {
                try await connection.write(piece)
            }
            try await connection.shutdownWrite()
            #expect(try await connection.read(exactly: 11) == [0, 0, 0, 3, 7, 8, 9, 0, 0, 0, 0])
            #expect(try await connection.read() == nil)
            try await server.stop(within: .seconds(1))
            try await serving.value
        }
    }
}
