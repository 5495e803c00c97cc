import Heddle

/// One connection of a load: keeps `depth` requests in flight, checks every byte that comes back and
/// measures how long each reply took. Runs as a task on its connection's loop.
struct LoadConnection: LoadClient {
    let connection: ByteStream
    let brief: LoadBrief

    func run() async throws {
        try await connection.inScope { try await exchange() }
    }

    func close() async throws {
        try await connection.close()
    }

    private func exchange() async throws {
        let plan = brief.plan
        var sent = 0
        var received = 0
        var answered = 0
        // When each request in flight was sent.
        var starts = [UInt64](repeating: Stopwatch.now, count: plan.depth)
        try await send(plan.depth, after: sent)
        sent = plan.depth
        while answered < sent {
            let bytes = try await read(after: received)
            guard received + bytes.count <= sent * plan.size else {
                throw CommandFailure(
                    "\(plan.target) sent more than it got, on connection \(brief.number)")
            }
            try brief.check(bytes, at: received)
            received += bytes.count
            let complete = received / plan.size
            guard complete > answered else { continue }
            let now = Stopwatch.now
            let count = complete - answered
            for request in answered..<complete {
                brief.recorder.record(nanoseconds: now &- starts[request % plan.depth])
                starts[request % plan.depth] = now
            }
            answered = complete
            if !brief.end.hasCome {
                try await send(count, after: sent)
                sent += count
            }
        }
    }

    /// Writes the next requests, which follow each other in the pattern, in as few pieces as it allows.
    private func send(_ requests: Int, after sent: Int) async throws {
        let pattern = brief.pattern
        var offset = sent * brief.plan.size
        let last = offset + requests * brief.plan.size
        do {
            while offset < last {
                let count = min(last - offset, pattern.maximumSlice)
                try await connection.write(
                    pattern.slice(of: brief.number, from: offset, count: count))
                offset += count
            }
        } catch let error as IOError {
            throw lost("\(error)")
        }
    }

    private func read(after received: Int) async throws -> Bytes {
        do {
            if let bytes = try await connection.read() { return bytes }
        } catch let error as IOError {
            throw lost("\(error)")
        }
        throw lost("the server ended it after \(received) bytes, with requests unanswered")
    }

    private func lost(_ reason: String) -> CommandFailure {
        CommandFailure("connection \(brief.number) to \(brief.plan.target) was lost: \(reason)")
    }
}
