import Heddle

let arguments = CommandLine.arguments
let endpoint = try Endpoint(arguments.count > 1 ? arguments[1] : "127.0.0.1:7000")
try await Runtime.run { runtime in
    let server = try await runtime.listen(on: endpoint)
    print("listening on \(server.localAddress)")
    try await server.serve { connection in
        for try await bytes in connection.inbound { try await connection.write(bytes) }
    }
}
