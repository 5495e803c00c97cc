import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// FAULTS.md L12 for file work, and N10's random cancellations.
    @Suite struct FileStopTests {
        /// One of the operations, by number; what it opens it may leave open.
        private static func operate(
            _ number: Int, on file: File, in folder: FilePath, of loop: EventLoop
        ) async throws {
            let path = folder.appending("\(number % 5)")
            switch number % 8 {
            case 0: _ = try await file.read(upTo: 1000)
            case 1: try await file.write("written", at: Int64(number))
            case 2: _ = try await File.open(path, .appending, on: loop)
            case 3: try await loop.files.replace(path, with: "replaced", synchronizing: false)
            case 4: for try await _ in loop.files.walk(folder) {}
            case 5: try await loop.files.copy(file.path, to: path, replacing: true)
            case 6: for try await _ in file.chunks(ofBytes: 100) {}
            default:
                try await loop.files.withTemporaryDirectory(in: folder) {
                    Disk.write("x", to: $0.appending("x"))
                }
            }
        }

        @Test func `a stop amid file work ends in time, and each operation ends once`() async throws
        {
            try await withTestFolder { _, folder in
                for round in 0..<TestScale.times(25, full: 1000) {
                    let (begun, ended) = (Counter(), Counter())
                    let worker = Worker(name: "stopped")
                    try worker.start()
                    let loop = try worker.loop
                    let file = try await File.open(
                        folder.appending("file"), .readingAndWriting, on: loop)
                    try await file.write(String(repeating: "x", count: 2000), at: 0)
                    let tasks = (0..<60).map { number in
                        loop.task {
                            begun.add()
                            defer { ended.add() }
                            do {
                                for step in 0..<1000 {
                                    try await Self.operate(
                                        number + step, on: file, in: folder, of: loop)
                                }
                            } catch let error as IOError where error.code != .loopStopped {
                                // Others replace and remove the same files.
                                guard error.code == .notFound else { throw error }
                            }
                        }
                    }
                    for _ in 0..<(round * 40) { await Task.yield() }
                    try await waiting { try await worker.stop(within: .zero) }
                    for task in tasks {
                        do {
                            try await waiting { try await task.value }
                        } catch let error as IOError {
                            #expect(error.code == .loopStopped || error.code == .closed)
                        }
                    }
                    #expect(begun.value == ended.value)
                    await expectNothingLeft(on: loop)
                }
                // Nothing is left open, nor half made.
                #expect(Disk.descriptors(of: folder) == 0)
                #expect(!Disk.names(in: folder).contains { $0.hasPrefix(".heddle") })
            }
        }

        @Test func `a stop waits for work that has begun, and takes back the rest`() async throws {
            let worker = Worker(name: "stopped")
            try worker.start()
            let loop = try worker.loop
            let release = Signal()
            let begun = Signal(after: 4)
            let ran = Counter()
            let tasks = (0..<100).map { _ in
                loop.task {
                    try await loop.core.poolShare.perform("block", on: nil) {
                        ran.add()
                        begun.fire()
                        _ = release.waitBlocking()
                    }
                }
            }
            try await begun.wait()
            let stop = Task { try await worker.stop(within: .zero) }
            // All but those that have begun hear of it while those are held.
            var stopped = 0
            for task in tasks.reversed() where stopped < 96 {
                let error = await #expect(throws: IOError.self) {
                    try await waiting { try await task.value }
                }
                #expect(error?.code == .loopStopped)
                stopped += 1
            }
            release.fire()
            for task in tasks.prefix(4) { try await task.value }
            try await stop.value
            #expect(ran.value == 4)
            await expectNothingLeft(on: loop)
        }

        @Test(arguments: Seed.some(2))
        func `operations cancelled at random moments leave nothing`(seed: Seed) async throws {
            try await withTestFolder { loop, folder in
                var random = seed.generator
                let file = try await File.open(
                    folder.appending("file"), .readingAndWriting, on: loop)
                try await file.write(String(repeating: "x", count: 2000), at: 0)
                for _ in 0..<TestScale.times(300, full: 20_000) {
                    let first = Int.random(in: 0..<1000, using: &random)
                    let tasks = (0..<4).map { number in
                        loop.task {
                            try await Self.operate(first + number, on: file, in: folder, of: loop)
                        }
                    }
                    for _ in 0..<Int.random(in: 0..<30, using: &random) { await Task.yield() }
                    for task in tasks { task.cancel() }
                    for task in tasks { _ = await task.result }
                }
                try await file.close()
                try await Disk.waitUntilClosed(folder, on: loop)
                // The loop hears of a file's close a moment after the descriptor is gone. The pool is a member for good.
                try await waiting {
                    while loop.core.poolShare.takenCount > 0 || loop.core.members.count > 1 {
                        await Task.yield()
                    }
                }
            }
        }
    }
}
