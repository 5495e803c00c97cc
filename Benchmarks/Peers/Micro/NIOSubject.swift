import Glibc
import NIOCore
import NIOPosix

/// A timer that is cancelled before it fires. Callbacks are the cheapest timers that SwiftNIO has.
private struct SilentTimer: NIOScheduledCallbackHandler {
    func handleScheduledCallback(eventLoop: some EventLoop) {}
}

/// SwiftNIO's event loops.
struct NIOSubject: MicroSubject {
    func timers(_ amount: Int) async throws -> Time {
        try await onLoop { loop in
            let start = Time.now
            for _ in 0..<max(1, amount / Amounts.timersAtOnce) {
                let timers = try (0..<min(amount, Amounts.timersAtOnce)).map { _ in
                    try loop.scheduleCallback(in: .seconds(60), handler: SilentTimer())
                }
                for timer in timers { timer.cancel() }
            }
            return Time.since(start)
        }
    }

    func ticks(_ amount: Int) async throws -> Time {
        try await withGroup(1) { loops in
            let interval = TimeAmount.milliseconds(Int64(Amounts.tickMilliseconds))
            let start = Time.now
            await withCheckedContinuation { continuation in
                let countdown = Countdown(amount) { continuation.resume() }
                loops[0].execute {
                    for _ in 0..<Amounts.tickers {
                        loops[0].scheduleRepeatedTask(initialDelay: interval, delay: interval) {
                            task in
                            countdown.count()
                            if countdown.isOver { task.cancel() }
                        }
                    }
                }
            }
            return Time.since(start)
        }
    }

    func posts(_ amount: Int, producers: Int) async throws -> Time {
        try await withGroup(1) { loops in
            let loop = loops[0]
            let each = amount / producers
            let start = Time.now
            await withCheckedContinuation { continuation in
                let countdown = Countdown(each * producers) { continuation.resume() }
                for _ in 0..<producers {
                    startThread { for _ in 0..<each { loop.execute { countdown.count() } } }
                }
            }
            return Time.since(start)
        }
    }

    func hop(_ amount: Int) async throws -> Time {
        try await withGroup(2) { loops in
            let start = Time.now
            await withCheckedContinuation { continuation in
                bounce(amount, from: loops[0], to: loops[1]) { continuation.resume() }
            }
            return Time.since(start)
        }
    }

    /// The nearest there is: a closure on the loop, whose future async code awaits.
    func tasks(_ amount: Int) async throws -> Time {
        try await withGroup(1) { loops in
            let start = Time.now
            for number in 0..<amount { _ = try await loops[0].submit { number }.get() }
            return Time.since(start)
        }
    }

    func lifecycle(_ amount: Int) async throws -> Time {
        let start = Time.now
        for _ in 0..<amount {
            try await MultiThreadedEventLoopGroup(numberOfThreads: 1).shutdownGracefully()
        }
        return Time.since(start)
    }

    /// Futures on the loop, and as many threads as libuv's pool has.
    func fileReads(_ amount: Int, depth: Int, path: String) async throws -> Time {
        let pool = NIOThreadPool(numberOfThreads: 4)
        pool.start()
        let time = try await withGroup(1) { loops in
            // SwiftNIO lets one read at a time use a handle.
            let readers = (0..<depth).map { _ in
                let descriptor = open(path, O_RDONLY | O_CLOEXEC)
                precondition(descriptor >= 0, "cannot open \(path)")
                return FileReader(
                    io: NonBlockingFileIO(threadPool: pool),
                    file: NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor),
                    loop: loops[0])
            }
            let start = Time.now
            try await loops[0].flatSubmit {
                let lanes = readers.enumerated().map { lane, reader in
                    reader.read(Blocks(amount, lane: lane, of: depth))
                }
                return EventLoopFuture.andAllSucceed(lanes, on: loops[0])
            }.get()
            let time = Time.since(start)
            for reader in readers { try reader.file.close() }
            return time
        }
        try await pool.shutdownGracefully()
        return time
    }

    private func onLoop(
        _ body: @escaping @Sendable (any EventLoop) throws -> Time
    ) async throws -> Time {
        try await withGroup(1) { loops in
            try await loops[0].submit { try body(loops[0]) }.get()
        }
    }

    private func withGroup(
        _ threads: Int, _ body: ([any EventLoop]) async throws -> Time
    ) async throws -> Time {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let time = try await body(Array(group.makeIterator()))
        try await group.shutdownGracefully()
        return time
    }
}

/// Reads one block after the other, each when the one before has come.
private struct FileReader {
    let io: NonBlockingFileIO
    let file: NIOFileHandle
    let loop: any EventLoop

    /// Completes when all are read.
    func read(_ blocks: Blocks) -> EventLoopFuture<Void> {
        let done = loop.makePromise(of: Void.self)
        readNext(blocks, done)
        return done.futureResult
    }

    private func readNext(_ blocks: Blocks, _ done: EventLoopPromise<Void>) {
        var blocks = blocks
        guard let block = blocks.next() else { return done.succeed() }
        let rest = blocks
        io.read(
            fileHandle: file, fromOffset: Int64(block) * Int64(Blocks.size),
            byteCount: Blocks.size, allocator: ByteBufferAllocator(), eventLoop: loop
        ).whenComplete { result in
            switch result {
            case .success(let buffer):
                let number = buffer.getInteger(
                    at: buffer.readerIndex, endianness: .little, as: UInt64.self)!
                Blocks.check(number, buffer.readableBytes, is: block)
                readNext(rest, done)
            case .failure(let error): done.fail(error)
            }
        }
    }
}

private func bounce(
    _ left: Int, from: any EventLoop, to: any EventLoop, _ done: @escaping @Sendable () -> Void
) {
    guard left > 0 else { return done() }
    to.execute { bounce(left - 1, from: to, to: from, done) }
}
