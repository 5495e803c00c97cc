import Heddle
import Testing

/// The code of the article about framing.
extension DocumentationTests {
    /// Answers each request, a length of four bytes and so many more, in the same form.
    private static func serveRequests(_ connection: TCPConnection) async throws {
        let framing = Framing.lengthPrefixed(UInt32.self, maximumBytes: 64 * 1024)
        for try await request in connection.inbound.frames(framing) {
            try await connection.write(frame: request, as: framing)
        }
    }

    @Test func `framing: requests with a length`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let server = try await runtime.listen(on: .loopback(port: 0))
            let serving = Task { try await server.serve { try await Self.serveRequests($0) } }
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

    struct WrongSize: Error { let size: Int }

    private static func readBody(_ connection: TCPConnection) async throws -> Bytes? {
        var frames = connection.inbound.frames(.lines(maximumBytes: 1024)).makeAsyncIterator()
        var size = 0
        while let line = try await frames.next(), !line.isEmpty {
            if let value = Int(String(line)) { size = value }
        }
        guard 1...65_536 ~= size else { throw WrongSize(size: size) }
        frames.framing = .fixed(size)
        let body = try await frames.next()
        return body
    }

    /// Answers lines with themselves.
    final class LineEcho: StreamHandler {
        private var decoder = FrameDecoder(.lines)

        func received(_ bytes: RawSpan, on stream: SynchronousStream) throws {
            try decoder.decode(bytes) { line in try stream.write(frame: line, as: .lines) }
        }

        func inputEnded(on stream: SynchronousStream) throws {
            if let last = try decoder.finish() { try stream.write(frame: last, as: .lines) }
            stream.close()
        }
    }

    @Test func `framing: a head of lines and a body, by way of a handler`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let server = try await runtime.listen(on: .loopback(port: 0))
            let serving = Task { try await server.serve(handler: { LineEcho() }) }
            let connection = try await TCPConnection.connect(
                to: server.localAddress, on: runtime.nextLoop)
            try await connection.write("5\r\n\r\na\nb\nc")
            try await connection.shutdownWrite()
            #expect(try await Self.readBody(connection) == "a\nb\nc")
            try await server.stop(within: .seconds(1))
            try await serving.value
        }
    }
}
