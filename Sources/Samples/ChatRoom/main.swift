// A chat room: `nc 127.0.0.1 7001`, a first line with your name, then every line goes to the others.
import Heddle

/// Who is in the room. An actor that lives on a loop: the compiler checks that its state is used there
/// alone, and connections of that loop call it without leaving their thread.
actor ChatRoom {
    private let loop: EventLoop
    private var members: [String: TCPConnection] = [:]

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

    init(on loop: EventLoop) { self.loop = loop }

    /// Whether the name was free.
    func join(_ name: String, _ connection: TCPConnection) async -> Bool {
        guard members[name] == nil else { return false }
        members[name] = connection
        await tell("* \(name) came, \(members.count) here")
        return true
    }

    func leave(_ name: String) async {
        members[name] = nil
        await tell("* \(name) left, \(members.count) here")
    }

    func tell(_ line: String, from sender: String? = nil) async {
        for (name, connection) in members where name != sender {
            do {
                // Writing waits for a member that reads slowly: bounded, or the room would wait too.
                try await withTimeout(.seconds(1)) { try await connection.write(line + "\n") }
            } catch {
                connection.reset()
            }
        }
    }
}

let arguments = CommandLine.arguments
let endpoint = try Endpoint(arguments.count > 1 ? arguments[1] : "127.0.0.1:7001")
try await Runtime.run { runtime in
    let room = ChatRoom(on: runtime.nextLoop)
    let server = try await runtime.listen(on: endpoint)
    print("listening on \(server.localAddress)")
    try await server.serve { connection in
        var lines = connection.inbound.lines(maximumBytes: 1000).makeAsyncIterator()
        guard let name = try await lines.next(), !name.isEmpty else { return }
        guard await room.join(name, connection) else {
            return try await connection.write("* \(name) is here already\n")
        }
        // An error ends the loop like the end of the input does: either way the member leaves.
        while let line = try? await lines.next() { await room.tell("\(name): \(line)", from: name) }
        await room.leave(name)
    }
}
