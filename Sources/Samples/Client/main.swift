// A client: connects, sends the lines given as arguments, and prints the lines that come back.
//
//     Client 127.0.0.1:7002 time uptime
import Glibc
import Heddle

/// Sends `lines`, says that no more will come, and prints answers until the server has none left.
func talk(to endpoint: Endpoint, saying lines: [String], on loop: EventLoop) async throws {
    let connection = try await TCPConnection.connect(to: endpoint, on: loop, timeout: .seconds(5))
    for line in lines { try await connection.write(line + "\n") }
    try await connection.shutdownWrite()
    for try await answer in connection.inbound.lines { print(answer) }
    // Dropping the connection would close it too; this also tells of bytes that were not sent.
    try await connection.close()
}

let arguments = CommandLine.arguments.dropFirst()
do {
    try await Runtime.run(.init(threads: 1)) { runtime in
        let endpoint = try Endpoint(arguments.first ?? "127.0.0.1:7002")
        let lines = arguments.count > 1 ? Array(arguments.dropFirst()) : ["time"]
        let loop = runtime.nextLoop
        // On the loop, where each call runs in place; from elsewhere it would go there and back.
        try await loop.task { try await talk(to: endpoint, saying: lines, on: loop) }.value
    }
} catch {
    print(error)
    exit(1)
}
