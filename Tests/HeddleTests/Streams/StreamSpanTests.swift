import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// Memory of the caller's, lent for the length of an operation.
    @Suite struct StreamSpanTests {
        @Test(arguments: StreamKind.all)
        func `a read into a span fills its start and leaves the rest`(
            kind: StreamKind
        ) async throws {
            try await kind.withPeer { near, peer in
                try peer.write("abc")
                var buffer: [UInt8] = [1, 2]
                #expect(try await Self.read(from: near, into: &buffer) == 2)
                #expect(buffer == Array("ab".utf8))
                #expect(try await Self.read(from: near, into: &buffer) == 1)
                #expect(buffer == Array("cb".utf8))
                peer.shutdownWrite()
                #expect(try await Self.read(from: near, into: &buffer) == 0)
                #expect(buffer == Array("cb".utf8))
                let error = await #expect(throws: IOError.self) {
                    var none: [UInt8] = []
                    return try await Self.read(from: near, into: &none)
                }
                #expect(error?.code == .invalidArgument)
            }
        }

        @Test(arguments: StreamKind.all, [1, 100, 20_000, 400_000])
        func `a span's bytes are copied before the write returns`(
            kind: StreamKind, size: Int
        ) async throws {
            try await kind.withPair { near, far in
                var sent = Pattern()
                var expected = Pattern()
                let reader = Task { try await far.read(exactly: 5 * size) }
                for _ in 0..<5 {
                    var bytes = sent.array(size)
                    try await Self.write(bytes, to: near)
                    // In place: the memory that was lent.
                    bytes.withUnsafeMutableBytes { _ = memset($0.baseAddress!, 0, $0.count) }
                }
                expect(expected.matches(try await reader.value), true)
            }
        }

        private static func read(
            from connection: ByteStream, into buffer: inout [UInt8]
        ) async throws -> Int {
            var elements = buffer.mutableSpan
            var bytes = elements.mutableBytes
            return try await connection.read(into: &bytes)
        }

        private static func write(_ bytes: [UInt8], to connection: ByteStream) async throws {
            try await connection.write(bytes.span.bytes)
        }
    }
}
