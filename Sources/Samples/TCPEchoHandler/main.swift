// The echo server in the synchronous style: a handler object for each connection, called by the loop.
// It costs about half of what the async style does, and it must never block or wait.
import Heddle

/// Echoes one connection. Made, called and let go on that connection's loop.
final class EchoHandler: StreamHandler {
    private var echoed = 0

    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        // The span ends with this call; `write` takes a copy of what the kernel does not take at once.
        stream.write(bytes)
        echoed += bytes.byteCount
    }

    func closed(_ error: (any Error)?) {
        print("closed after \(echoed) bytes")
    }
}

let arguments = CommandLine.arguments
let endpoint = try Endpoint(arguments.count > 1 ? arguments[1] : "127.0.0.1:7000")
try await Runtime.run { runtime in
    let server = try await runtime.listen(on: endpoint)
    print("listening on \(server.localAddress)")
    try await server.serve(handler: { EchoHandler() })
}
