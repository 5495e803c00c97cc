import Heddle
import Glibc

final class Echo: StreamHandler {
    func received(_ bytes: RawSpan, on stream: SynchronousStream) { stream.write(bytes) }
}
@main struct M {
    static func main() throws {
let sync = CommandLine.arguments.contains("--handler")
        signal(SIGTERM) { _ in exit(0) }
try Runtime.runBlocking(.init(threads: 1)) { runtime in
    let server = try await runtime.listen(on: "127.0.0.1:0")
    print("listening on tcp \(server.localAddress)\nready")
    fflush(nil)
    if sync { try await server.serve(handler: { Echo() }) } else {
        try await server.serve { connection in
            for try await bytes in connection.inbound { try await connection.write(bytes) }
        }
    }
}
    }}
