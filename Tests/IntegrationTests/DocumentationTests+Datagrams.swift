import Heddle
import Testing

/// The code of the article about datagrams.
extension DocumentationTests {
    @Test func `datagrams: a client of nobody`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let (loop, server) = (runtime.nextLoop, "127.0.0.1:1" as Endpoint)
            try await loop.task {
                let socket = try await UDPSocket.connect(to: server, on: loop)
                try await socket.send("hello")
                do {
                    let answer = try await withTimeout(.seconds(1), "answer") {
                        try await socket.receive()
                    }
                    print(String(answer.bytes))
                } catch let error as IOError where error.code == .connectionRefused {
                    print(error)  // send to 127.0.0.1:1: connection refused (ECONNREFUSED)
                }
                await socket.close()
            }.value
        }
    }

    @Test func `datagrams: a group`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            try await loop.task {
                var options = UDPOptions()
                options.sharesAddress = true
                let member = try await UDPSocket.bind(
                    to: .anyIPv4(port: 0), on: loop, options: options)
                try await member.join(group: "239.255.0.1", interface: "lo")
                let port = Int(member.localAddress.port)
                options.multicastInterface = "lo"
                let sender = try await UDPSocket.bind(
                    to: .loopback(port: 0), on: loop, options: options)
                try await sender.send("to all", to: SocketAddress(ip: "239.255.0.1", port: port))
                let datagram = try await withTimeout(.seconds(30)) { try await member.receive() }
                #expect(datagram.bytes == "to all")
            }.value
        }
    }
}
