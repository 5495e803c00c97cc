import Foundation

/// What needs no socket: a program does something many times and says how long it took.
enum MicroWorkloads {
    static let all: [Workload] = [
        micro(
            "timers", "Set and cancel 1,000,000 timers", .timers, per: 2_000_000,
            """
            10,000 at a time. In Heddle and with async code a timer is a task that sleeps; with SwiftNIO \
            `scheduleCallback`, with libuv uv_timer_start.
            """, isQuick: true),
        micro(
            "ticks", "10,000 timers ticking every 50 ms", .ticks, per: 400_000,
            "In Heddle each is a task over `ticks(every:)`; the others call back.", cpuFirst: true),
        micro(
            "posts-1", "Posts from 1 thread", .posts, per: 2_000_000,
            "Closures handed to a loop by another thread (Heddle `post`, SwiftNIO `execute`)."),
        micro(
            "posts-2", "Posts from 2 threads", .posts, per: 2_000_000,
            "The same, from two threads: they and the loop share two cores."),
        micro(
            "posts-8", "Posts from 8 threads", .posts, per: 2_000_000,
            "The same, from eight threads.", isQuick: true),
        micro(
            "hop", "One hop between two loops", .hop, per: 100_000,
            """
            A closure goes from one loop to another that sleeps, and back, and so on. libuv's own door is \
            uv_async_t, in which the woken thread spins until the waker has left uv_async_send.
            """),
        micro(
            "tasks", "Start a task on a loop and await it", .tasks, per: 1_000_000,
            """
            From the loop itself in Heddle; with SwiftNIO, async code submits a closure to the loop and \
            awaits its future.
            """),
        micro(
            "lifecycle", "Start and stop a runtime of one loop", .lifecycle, per: 4_000,
            "A thread, a loop, and the orderly end of both."),
        micro(
            "file-reads-1", "Read 4 KiB of a file, 1 at a time", .fileReads, per: 20_000,
            """
            At random offsets of a file of 16 MiB that is in the page cache, so that what is measured is the way \
            to a thread that may block and back. libuv, Heddle and SwiftNIO (NonBlockingFileIO) have pools of \
            four threads; Go reads in the goroutine itself.
            """, file: BlockFile.path),
        micro(
            "file-reads-64", "Read 4 KiB of a file, 64 at a time", .fileReads, per: 100_000,
            "The same with 64 reads in flight: what waking threads up costs is shared.",
            isQuick: true,
            file: BlockFile.path),
    ]

    /// - Parameters:
    ///   - per: operations for each second of the run's duration.
    ///   - file: the blocks that the program reads.
    private static func micro(
        _ id: String, _ title: String, _ role: Role, per: Double, _ meaning: String,
        cpuFirst: Bool = false, isQuick: Bool = false, file: String? = nil
    ) -> Workload {
        let metrics: [Metric] = cpuFirst ? [.cpuEach, .wallEach] : [.wallEach, .cpuEach]
        return Workload(
            id: id, title: title, meaning: meaning, role: role, metrics: metrics, isQuick: isQuick
        ) { command, duration in
            let amount = max(1, Int(per * duration))
            // On both cores: what is measured is what passes between threads, too.
            if file != nil { try BlockFile.make() }
            let words = command + [id, "\(amount)"] + (file.map { [$0] } ?? [])
            let text = try Child(words).result(limit: 120)
            let report = try JSONDecoder().decode(MicroReport.self, from: Data(text.utf8))
            return [
                "wall_ns": report.wall_ns / report.operations,
                "cpu_ns": report.cpu_ns / report.operations,
            ]
        }
    }
}

/// The file that programs read: 4,096 blocks of 4 KiB, each of which begins with its number.
enum BlockFile {
    static let path = Tools.built("blocks")
    private static let count = 4096
    private static let size = 4096

    /// Makes it if it is not there; written just now or read through, it is in the page cache.
    static func make() throws {
        if let data = FileManager.default.contents(atPath: path), data.count == count * size {
            return
        }
        var data = Data(capacity: count * size)
        for number in 0..<UInt64(count) {
            withUnsafeBytes(of: number.littleEndian) { data.append(contentsOf: $0) }
            data.append(Data(count: size - 8))
        }
        try data.write(to: URL(filePath: path), options: .atomic)
    }
}

/// What the programs print.
private struct MicroReport: Decodable {
    let operations, wall_ns, cpu_ns: Double
}

extension Metric {
    fileprivate static let wallEach = Metric(key: "wall_ns", name: "time for each", unit: "ns")
    fileprivate static let cpuEach = Metric(key: "cpu_ns", name: "CPU for each", unit: "ns")
}
