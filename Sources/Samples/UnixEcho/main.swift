// An echo server on a Unix socket, for processes of the same user alone, which tells who came. SIGTERM or
// Control-C ends it, and its path is gone then.
//
//     UnixEcho /tmp/echo.sock
import Heddle

let arguments = CommandLine.arguments
let address = try UnixAddress(arguments.count > 1 ? arguments[1] : "/tmp/heddle-echo.sock")
try await Runtime.run(stoppingOn: [.interrupt, .terminate]) { runtime in
    let server = try await runtime.listen(on: address)
    print("listening on \(server.localAddress)")
    try await server.serve { connection in
        print("user \(connection.peerCredentials.userID) came")
        for try await bytes in connection.inbound { try await connection.write(bytes) }
    }
}
print("stopped in order")
