import Glibc
import Heddle

/// One connection of a load: keeps `depth` requests in flight, checks every byte that comes back and
/// measures how long each reply took. Runs as a task on its connection's loop.
struct LoadConnection: Sendable {
    /// From 1 on, for people.
    let number: Int
    let connection: TCPConnection
    let plan: LoadPlan
    let pattern: LoadPattern
    let recorder: LoadRecorder
    let end: LoadEnd

    /// Sends and checks until the end has come and everything sent is answered.
    ///
    /// - Throws: ``CommandFailure`` if the connection is lost or a wrong byte comes.
    func run() async throws {
        var sent = 0
        var received = 0
        var answered = 0
        // When each request in flight was sent.
        var starts = [UInt64](repeating: Self.now, count: plan.depth)
        try await send(plan.depth, after: sent)
        sent = plan.depth
        while answered < sent {
            let bytes = try await read(after: received)
            try check(bytes, at: received, of: sent * plan.size)
            received += bytes.count
            let complete = received / plan.size
            guard complete > answered else { continue }
            let now = Self.now
            let count = complete - answered
            for request in answered..<complete {
                recorder.record(nanoseconds: now &- starts[request % plan.depth])
                starts[request % plan.depth] = now
            }
            answered = complete
            if !end.hasCome {
                try await send(count, after: sent)
                sent += count
            }
        }
    }

    /// Writes the next requests, which follow each other in the pattern, in as few pieces as it allows.
    private func send(_ requests: Int, after sent: Int) async throws {
        var offset = sent * plan.size
        let last = offset + requests * plan.size
        do {
            while offset < last {
                let count = min(last - offset, pattern.maximumSlice)
                try await connection.write(pattern.slice(of: number, from: offset, count: count))
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

    private func check(_ bytes: Bytes, at offset: Int, of sent: Int) throws {
        guard offset + bytes.count <= sent else {
            throw CommandFailure("\(plan.target) sent more than it got, on connection \(number)")
        }
        guard let place = pattern.firstDifference(in: bytes, of: number, from: offset) else {
            return
        }
        let expected = pattern.byte(of: number, at: offset + place)
        throw CommandFailure(
            "\(plan.target) sent a wrong byte: connection \(number), offset \(offset + place), "
                + "expected \(expected), got \(bytes[place])")
    }

    private func lost(_ reason: String) -> CommandFailure {
        CommandFailure("connection \(number) to \(plan.target) was lost: \(reason)")
    }

    /// The monotonic clock in nanoseconds, straight from the system.
    static var now: UInt64 {
        var time = timespec()
        // Every Linux has this clock, so the call cannot fail.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
