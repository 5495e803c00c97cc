// A client: connects, sends the lines given as arguments, and prints the lines that come back.
//
//     Client 127.0.0.1:7002 time uptime
import Glibc
import Heddle

/// Sends `lines`, says that no more will come, and prints answers until the server has none left.
func talk(to endpoint: Endpoint, saying lines: [String], on loop: EventLoop) async throws {
    try await TCPConnection.withConnection(to: endpoint, on: loop) { connection in
        for line in lines { try await connection.write(line + "\n") }
        try await connection.shutdownWrite()
        for try await answer in connection.inbound.lines { print(answer) }
    }
}

let arguments = CommandLine.arguments.dropFirst()
do {
    try await Runtime.run(.init(threads: 1)) { runtime in
        let endpoint = try Endpoint(arguments.first ?? "127.0.0.1:7002")
        let lines = arguments.count > 1 ? Array(arguments.dropFirst()) : ["time"]
        try await talk(to: endpoint, saying: lines, on: runtime.nextLoop)
    }
} catch {
    print(error)
    exit(1)
}
