import Benchmark
import Heddle

/// The parts of Heddle, each alone, through what is public.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.instructions, .cpuTotal, .wallClock, .throughput],
        scalingFactor: .kilo, maxDuration: .seconds(2))
    bytes()
    loops()
}

private func bytes() {
    let text = Bytes([UInt8](repeating: UInt8(ascii: "x"), count: 64 * 1024))

    Benchmark("Bytes: slice 64 of 64 Ki") { benchmark in
        for offset in benchmark.scaledIterations {
            let start = text.startIndex + offset % 1000
            blackHole(text[start..<start + 64])
        }
    }

    Benchmark("Bytes: copy 64") { benchmark in
        let small = text.prefix(64)
        for _ in benchmark.scaledIterations { blackHole(Bytes(copying: small.bytes)) }
    }

    Benchmark("Bytes: find a byte that is not in 64 Ki", configuration: .init(scalingFactor: .one))
    {
        for _ in $0.scaledIterations { blackHole(text.firstIndex(of: 0)) }
    }
}

private func loops() {
    Benchmark("Executor: a job on the loop it is on") { benchmark in
        try await onLoop { _ in
            for _ in benchmark.scaledIterations { await Task.yield() }
        }
    }

    Benchmark("Executor: start a task and await it") { benchmark in
        try await onLoop { loop in
            for number in benchmark.scaledIterations { _ = try await loop.task { number }.value }
        }
    }

    Benchmark("Inbox: post from another thread, and wait for it") { benchmark in
        try await Runtime.run(.init(threads: 1)) { runtime in
            for _ in benchmark.scaledIterations {
                await withCheckedContinuation { continuation in
                    runtime.loops[0].post { continuation.resume() }
                }
            }
        }
    }

    Benchmark("Timer: set and cancel a timeout") { benchmark in
        try await onLoop { _ in
            for number in benchmark.scaledIterations {
                _ = try await withTimeout(.seconds(60)) { number }
            }
        }
    }

    Benchmark("Framing: a line of 64 bytes through a connection") { benchmark in
        try await onLoop { loop in
            let listener = try await TCPListener.listen(on: .loopback(port: 0), loop: loop)
            let client = try await TCPConnection.connect(to: listener.localAddress, on: loop)
            var lines = try await listener.accept().inbound.lines.makeAsyncIterator()
            let line = Bytes(String(repeating: "x", count: 63) + "\n")
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations {
                try await client.write(line)
                blackHole(try await lines.next())
            }
            benchmark.stopMeasurement()
            await listener.close()
        }
    }
}

/// Runs `body` as a task on a loop of its own.
private func onLoop(_ body: @escaping @Sendable (EventLoop) async throws -> Void) async throws {
    try await Runtime.run(.init(threads: 1)) { runtime in
        let loop = runtime.loops[0]
        try await loop.task { try await body(loop) }.value
    }
}
