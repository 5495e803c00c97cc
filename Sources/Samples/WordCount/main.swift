// A counter of words without locks: each loop counts in a table of its own, `total WORD` asks all loops, and
// the log is written by one task, to which a channel brings the entries of all.
import Heddle

let arguments = CommandLine.arguments
let endpoint = try Endpoint(arguments.count > 1 ? arguments[1] : "127.0.0.1:7004")
try await Runtime.run(.init(threads: 4)) { runtime in
    let counts = LoopLocal(on: runtime) { _ in [String: Int]() }
    // When entries come faster than they are written, those who send them wait.
    let log = MessageChannel<String>(capacity: 256)
    let writer = runtime.nextLoop.task {
        for await entry in log { print(entry) }
    }

    let server = try await runtime.listen(on: endpoint)
    print("listening on \(server.localAddress)")
    try await server.serve { connection in
        for try await line in connection.inbound.lines(maximumBytes: 1_000) {
            let words = line.split(separator: " ").map(String.init)
            if words.count == 2, words[0] == "total" {
                let totals = try await runtime.forEachLoop { _ in
                    try counts.withValue { $0[words[1], default: 0] }
                }
                try await connection.write("\(totals.reduce(0, +))\n")
            } else {
                try counts.withValue { table in
                    for word in words { table[word, default: 0] += 1 }
                }
                try await log.send("\(words.count) words")
            }
        }
    }

    log.finish()
    try await writer.value
}
