// A server whose work is hard, and whose loops are never blocked by it: each line is stretched into a key on
// a thread for blocking work. `load` tells how busy these are, and is answered at once whatever they do.
import Heddle

/// A key from many rounds of FNV-1a: slow on purpose, as a password's should be (and no substitute for one).
func stretch(_ text: String) -> String {
    var key: UInt64 = 0xcbf2_9ce4_8422_2325
    for _ in 0..<2_000 {
        for byte in text.utf8 { key = (key ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    return String(key, radix: 16)
}

let arguments = CommandLine.arguments
let endpoint = try Endpoint(arguments.count > 1 ? arguments[1] : "127.0.0.1:7003")
var options = Runtime.Options()
options.blockingThreads = 4
options.blockingQueueLimit = 100

try await Runtime.run(options) { runtime in
    let server = try await runtime.listen(on: endpoint)
    print("listening on \(server.localAddress)")
    try await server.serve(onError: { error, _ in print(error) }) { connection in
        for try await line in connection.inbound.lines(maximumBytes: 1_000) {
            if line == "load" {
                let load = runtime.blockingStatistics
                try await connection.write(
                    "\(load.running) running, \(load.queued) queued, \(load.completed) completed\n")
                continue
            }
            do {
                let key = try await runtime.blocking(whenFull: .fail) { stretch(line) }
                try await connection.write("\(key)\n")
            } catch let error as IOError where error.code == .limitExceeded {
                try await connection.write("busy, try again later\n")
            }
        }
    }
}
