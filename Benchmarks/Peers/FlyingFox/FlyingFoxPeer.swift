import FlyingSocks
import Foundation

/// The peer on FlyingFox's sockets: `flyingfox-peer echo --tcp HOST:PORT`, a task for each connection, as
/// its HTTP server has it.
@main
struct FlyingFoxPeer {
    static func main() async throws {
        let words = CommandLine.arguments
        let parts = words.last?.split(separator: ":") ?? []
        guard words.count == 4, words[1] == "echo", parts.count == 2,
            let port = UInt16(parts[1])
        else { fatalError("usage: flyingfox-peer echo --tcp HOST:PORT") }
        signal(SIGTERM) { _ in exit(0) }
        signal(SIGPIPE, SIG_IGN)

        let socket = try Socket(domain: AF_INET, type: .stream)
        try socket.setValue(true, for: .localAddressReuse)
        try socket.bind(to: .inet(ip4: String(parts[0]), port: port))
        try socket.listen(maxPendingConnection: 4096)
        let pool: SocketPool<ePoll> = .ePoll()
        try await pool.prepare()
        let server = try AsyncSocket(socket: socket, pool: pool)
        if case .ip4(let host, let number) = try socket.sockname() {
            print("listening on tcp \(host):\(number)\nready")
            fflush(nil)
        }
        try await withThrowingDiscardingTaskGroup { tasks in
            tasks.addTask { try await pool.run() }
            for try await client in server.sockets {
                tasks.addTask {
                    // What goes wrong with one connection is its peer's affair.
                    try? await echo(client)
                    try? client.close()
                }
            }
        }
    }

    private static func echo(_ client: AsyncSocket) async throws {
        while true { try await client.write(Data(try await client.read(atMost: 4096))) }
    }
}
