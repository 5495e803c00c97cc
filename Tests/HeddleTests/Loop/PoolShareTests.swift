import Glibc
import SystemPackage
import Synchronization
import Testing

@testable import Heddle

extension HeddleTests {
    /// A loop's share of the worker pool: bounded, fair, and cancellable at any moment.
    @Suite struct PoolShareTests {
        /// Occupies every thread of the pool, which has four, and some places more, until released.
        private static func occupy(
            _ loop: EventLoop, count: Int = 8, until release: Signal
        ) async throws -> [Task<Void, any Error>] {
            let begun = Signal(after: min(count, 4))
            let tasks = (0..<count).map { _ in
                loop.task {
                    try await loop.core.poolShare.perform("block", on: nil) {
                        begun.fire()
                        _ = release.waitBlocking()
                    }
                }
            }
            try await begun.wait()
            return tasks
        }

        @Test func `work that no thread has begun is taken back when it is cancelled`() async throws
        {
            // libuv: threadpool_cancel.
            try await withTestFolder { loop, folder in
                let release = Signal()
                let blockers = try await Self.occupy(loop, until: release)
                let path = folder.appending("never")
                let open = loop.task { try await File.open(path, .writing, on: loop) }
                let remove = loop.task { try await loop.files.remove(folder) }
                while loop.core.poolShare.takenCount < 10 { await Task.yield() }
                for task in [open] { task.cancel() }
                remove.cancel()
                // The threads are occupied still.
                await #expect(throws: CancellationError.self) { _ = try await open.value }
                await #expect(throws: CancellationError.self) { try await remove.value }
                release.fire()
                for blocker in blockers { try await blocker.value }
                #expect(Disk.names(in: folder) == [])
            }
        }

        @Test func `work that has begun ends without its caller, and its result is let go`()
            async throws
        {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                let (begun, release) = (Signal(), Signal())
                let opening = loop.task {
                    try await loop.files.openFile(path) {
                        begun.fire()
                        _ = release.waitBlocking()
                        let flags = FileOptions.writing.flags
                        return try OpenFile(path, flags: flags, permissions: [.ownerReadWrite])
                    }
                }
                try await begun.wait()
                opening.cancel()
                await #expect(throws: CancellationError.self) { _ = try await opening.value }
                #expect(loop.core.poolShare.takenCount == 1)
                #expect(!Disk.exists(path))
                release.fire()
                try await waiting {
                    while loop.core.poolShare.takenCount > 0 { await Task.yield() }
                }
                #expect(Disk.exists(path))
                try await Disk.waitUntilClosed(path, on: loop)
            }
        }

        @Test func `a file that is closed with work under way keeps its descriptor for that`()
            async throws
        {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                let file = try await File.open(path, .writing, on: loop)
                let (begun, release) = (Signal(), Signal())
                let work = loop.task {
                    try await file.core.perform("wait") { _ in
                        begun.fire()
                        _ = release.waitBlocking()
                    }
                }
                try await begun.wait()
                work.cancel()
                await #expect(throws: CancellationError.self) { try await work.value }
                let closing = loop.task { try await file.close() }
                let other = loop.task { try await file.close() }
                while Disk.descriptors(of: path) == 0 { Issue.record("closed too early") }
                other.cancel()
                await #expect(throws: CancellationError.self) { try await other.value }
                #expect(Disk.descriptors(of: path) == 1)
                release.fire()
                try await closing.value
                #expect(Disk.descriptors(of: path) == 0)
            }
        }

        @Test func `callers beyond the bound wait their turn, first come, first served`()
            async throws
        {
            try await withTestLoop { loop in
                let pool = loop.core.poolShare
                let release = Signal()
                let blockers = try await Self.occupy(
                    loop, count: PoolShare.maximumInFlight, until: release)
                #expect(pool.takenCount == PoolShare.maximumInFlight)
                let order = Recorder<Int>()
                var waiting: [Task<Void, any Error>] = []
                for number in 0..<100 {
                    waiting.append(
                        loop.task {
                            try await loop.core.poolShare.perform(
                                "count", on: nil, begun: { order.add(number) }
                            ) {
                            }
                        })
                    while pool.waitingCount <= number { await Task.yield() }
                }
                for number in stride(from: 0, to: 100, by: 3) {
                    waiting[number].cancel()
                    await #expect(throws: CancellationError.self) {
                        try await waiting[number].value
                    }
                }
                #expect(pool.takenCount == PoolShare.maximumInFlight)
                release.fire()
                for number in 0..<100 where number % 3 != 0 { try await waiting[number].value }
                for blocker in blockers { try await blocker.value }
                #expect(order.all == (0..<100).filter { $0 % 3 != 0 })
                #expect(pool.takenCount == 0 && pool.waitingCount == 0)
            }
        }

        @Test func `what is cancelled before it begins is not tried`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("never")
                let task = loop.task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    try await loop.files.replace(path, with: "x")
                }
                await #expect(throws: CancellationError.self) { try await task.value }
                #expect(!Disk.exists(path))
            }
        }

        /// The worst a timer is late while the loop serves a thousand readers, in milliseconds. The best of some
        /// rounds counts: others on the machine make it late too, but not each time.
        @Test func `a thousand concurrent reads keep timers within 10 ms`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                Disk.write(String(repeating: "read ", count: 20_000), to: path)
                let file = try await File.open(path, on: loop)
                var best = Duration.seconds(60)
                let bound = Duration.milliseconds(10) * TestScale.slowness
                for _ in 0..<20 where best > bound {
                    best = min(best, try await Self.lateness(on: loop, reading: file))
                }
                #expect(best <= bound)
            }
        }

        private static func lateness(on loop: EventLoop, reading file: File) async throws
            -> Duration
        {
            let left = Counter()
            let readers = (0..<1000).map { number in
                loop.task {
                    for round in 0..<3 {
                        let offset = Int64((number * 7 + round) % 300)
                        let bytes = try await file.read(upTo: 4096, at: offset)
                        #expect(bytes?.count == 4096)
                    }
                    left.add()
                }
            }
            var worst = Duration.zero
            var beats = 0
            while left.value < 1000 {
                let due = loop.clock.now.advanced(by: .milliseconds(1))
                try await loop.clock.sleep(until: due)
                worst = max(worst, due.duration(to: loop.clock.now))
                beats += 1
            }
            for reader in readers { try await reader.value }
            #expect(beats > 0)
            return worst
        }
    }
}
