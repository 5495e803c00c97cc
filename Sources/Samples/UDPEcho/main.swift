// Sends back every datagram, over one socket for each loop.
import Heddle

let arguments = CommandLine.arguments
let endpoint = try Endpoint(arguments.count > 1 ? arguments[1] : "127.0.0.1:7000")
try await Runtime.run { runtime in
    let server = try await runtime.bindUDP(to: endpoint)
    print("listening on \(server.localAddress)")
    try await server.serve { socket in
        for try await batch in socket.batches {
            for failure in try await socket.send(batch) { print(failure.error) }
        }
    }
}
