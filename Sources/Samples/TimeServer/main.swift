// A time server that speaks lines: `time`, `uptime`, `beat N` (N lines, ten a second) and `quit`.
import Glibc
import Heddle

/// The time of day in UTC, for example `14:05:09`.
func timeOfDay() -> String {
    let now = time(nil)
    return [now / 3600 % 24, now / 60 % 60, now % 60]
        .map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
}

/// Answers one client until it quits or sends its last line.
func serve(_ connection: TCPConnection, since start: LoopClock.Instant) async throws {
    // The handler of a connection runs on that connection's loop.
    guard let loop = connection.loop else { return }
    for try await line in connection.inbound.lines(maximumBytes: 80) {
        let words = line.split(separator: " ")
        switch (words.first, words.count) {
        case ("time", 1):
            try await connection.write("\(timeOfDay())\n")
        case ("uptime", 1):
            try await connection.write("\(start.duration(to: loop.now).components.seconds) s\n")
        case ("beat", 2) where (1...100).contains(Int(words[1]) ?? 0):
            var left = Int(words[1]) ?? 0
            for await _ in loop.ticks(every: .milliseconds(100)) {
                try await connection.write("\(timeOfDay())\n")
                left -= 1
                if left == 0 { break }
            }
        case ("quit", 1):
            return
        default:
            try await connection.write("? time, uptime, beat 1...100, quit\n")
        }
    }
}

let arguments = CommandLine.arguments
let endpoint = try Endpoint(arguments.count > 1 ? arguments[1] : "127.0.0.1:7002")
try await Runtime.run { runtime in
    let start = runtime.nextLoop.clock.now
    let server = try await runtime.listen(on: endpoint)
    print("listening on \(server.localAddress)")
    // An error ends one connection alone; this tells of it.
    try await server.serve(onError: { error, _ in print(error) }) { connection in
        try await serve(connection, since: start)
    }
}
