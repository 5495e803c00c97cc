import Heddle

/// Heddle through its public face.
struct HeddleSubject: MicroSubject {
    func timers(_ amount: Int) async throws -> Time {
        try await onLoop { loop in
            let start = Time.now
            for _ in 0..<max(1, amount / Amounts.timersAtOnce) {
                let timers = (0..<min(amount, Amounts.timersAtOnce)).map { _ in
                    loop.schedule(after: .seconds(60)) {}
                }
                for timer in timers { timer.cancel() }
            }
            return Time.since(start)
        }
    }

    func ticks(_ amount: Int) async throws -> Time {
        try await onLoop { loop in
            let start = Time.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<Amounts.tickers {
                    group.addTask(executorPreference: loop.taskExecutor) {
                        var beats = amount / Amounts.tickers
                        for await _ in loop.ticks(every: .milliseconds(Amounts.tickMilliseconds)) {
                            beats -= 1
                            if beats <= 0 { return }
                        }
                    }
                }
                try await group.waitForAll()
            }
            return Time.since(start)
        }
    }

    func posts(_ amount: Int, producers: Int) async throws -> Time {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.loops[0]
            let each = amount / producers
            let start = Time.now
            await withCheckedContinuation { continuation in
                let countdown = Countdown(each * producers) { continuation.resume() }
                for _ in 0..<producers {
                    startThread { for _ in 0..<each { loop.post { countdown.count() } } }
                }
            }
            return Time.since(start)
        }
    }

    func hop(_ amount: Int) async throws -> Time {
        try await Runtime.run(.init(threads: 2)) { runtime in
            let loops = runtime.loops
            let start = Time.now
            await withCheckedContinuation { continuation in
                bounce(amount, from: loops[0], to: loops[1]) { continuation.resume() }
            }
            return Time.since(start)
        }
    }

    func tasks(_ amount: Int) async throws -> Time {
        try await onLoop { loop in
            let start = Time.now
            for number in 0..<amount { _ = try await loop.task { number }.value }
            return Time.since(start)
        }
    }

    func lifecycle(_ amount: Int) async throws -> Time {
        let start = Time.now
        for _ in 0..<amount {
            try await Runtime.run(.init(threads: 1)) { _ in }
        }
        return Time.since(start)
    }

    func fileReads(_ amount: Int, depth: Int, path: String) async throws -> Time {
        try await onLoop { loop in
            let file = try await File.open(.init(validating: path), on: loop)
            let start = Time.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<depth {
                    group.addTask(executorPreference: loop.taskExecutor) {
                        var blocks = Blocks(amount, lane: lane, of: depth)
                        while let block = blocks.next() {
                            let offset = Int64(block) * Int64(Blocks.size)
                            let bytes = try await file.read(upTo: Blocks.size, at: offset)!
                            let number = bytes.withUnsafeBytes { $0.load(as: UInt64.self) }
                            Blocks.check(number, bytes.count, is: block)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let time = Time.since(start)
            try await file.close()
            return time
        }
    }

    private func onLoop(
        _ body: @escaping @Sendable (EventLoop) async throws -> Time
    ) async throws -> Time {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.loops[0]
            return try await loop.task { try await body(loop) }.value
        }
    }
}

private func bounce(
    _ left: Int, from: EventLoop, to: EventLoop, _ done: @escaping @Sendable () -> Void
) {
    guard left > 0 else { return done() }
    to.post { bounce(left - 1, from: to, to: from, done) }
}
