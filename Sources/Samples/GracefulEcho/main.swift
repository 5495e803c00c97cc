// An echo server that ends as a service should. SIGTERM or Control-C stops listening and lets connections end, a
// second one ends them at once; SIGHUP has it say how it goes, where another would read its settings again.
//
//     GracefulEcho 127.0.0.1:7003
import Heddle

let arguments = CommandLine.arguments
let endpoint = try Endpoint(arguments.count > 1 ? arguments[1] : "127.0.0.1:7003")
try await Runtime.run(stoppingOn: [.interrupt, .terminate]) { runtime in
    let server = try await runtime.listen(on: endpoint)
    let watch = try await SignalWatch.start([.terminalClosed], on: runtime.nextLoop)
    runtime.nextLoop.task {
        // Ends when the runtime has drained: signals come in until then.
        for await signal in watch {
            print("\(signal): \(server.statistics.acceptedConnections) connections so far")
        }
    }
    print("listening on \(server.localAddress)")
    try await server.serve { connection in
        for try await bytes in connection.inbound { try await connection.write(bytes) }
    }
}
print("stopped in order")
