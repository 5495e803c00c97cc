import Heddle
import Testing

/// The code of the article about pipes.
extension DocumentationTests {
    @Test func `Pipes: through an anonymous pipe`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            try await loop.task {
                var seen: [String] = []
                func print(_ text: String) { seen.append(text) }
                let pipe = try await PipeStream.pipe(on: loop)
                try await pipe.writing.write("through the kernel")
                try await pipe.writing.close()
                for try await bytes in pipe.reading.inbound {
                    print(String(bytes))
                }
                #expect(seen == ["through the kernel"])
            }.value
        }
    }

    @Test func `Pipes: a proxy`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let echo = try await runtime.listen(on: .loopback(port: 0))
            let backend = echo.localAddress
            let serving = Task {
                try await echo.serve { connection in
                    for try await bytes in connection.inbound { try await connection.write(bytes) }
                }
            }
            let listening = AsyncStream.makeStream(of: TCPServer.self)
            let proxying = Task {
                let proxy = try await runtime.listen(on: .loopback(port: 0))
                listening.continuation.yield(proxy)
                try await proxy.serve { client in
                    let server = try await TCPConnection.connect(to: backend, on: runtime.nextLoop)
                    try await client.exchange(with: server)
                }
            }
            var proxies = listening.stream.makeAsyncIterator()
            let proxy = try #require(await proxies.next())
            let client = try await TCPConnection.connect(
                to: proxy.localAddress, on: runtime.nextLoop)
            try await client.write("there and back")
            try await client.shutdownWrite()
            #expect(try await client.read(exactly: 14) == "there and back")
            #expect(try await client.read() == nil)
            try await client.close()
            try await proxy.stop()
            try await proxying.value
            try await echo.stop()
            try await serving.value
        }
    }
}
