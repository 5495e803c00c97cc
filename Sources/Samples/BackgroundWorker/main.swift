// A background worker: one thread with its loop, started once, stopped from anywhere. What it fails with
// is kept, and thrown to everybody who stops it or waits for it, however late.
import Heddle

/// What goes wrong here.
struct SensorLost: Error, CustomStringConvertible {
    let readings: Int
    var description: String { "sensor lost after \(readings) readings" }
}

let worker = Worker(name: "sensor") { loop in
    var readings = 0
    // Ends by itself when the worker is stopped: a stop cancels the body.
    for await _ in loop.ticks(every: .milliseconds(20)) {
        guard readings < 3 else { throw SensorLost(readings: readings) }
        readings += 1
        print("reading \(readings) on \(loop.name)")
    }
}

try worker.start()
// Starting what runs does nothing.
try worker.start()

do {
    try await worker.wait()
} catch {
    print("waited: \(error)")
}

do {
    try await worker.stop(within: .seconds(1))
    print("stopped in order")
} catch {
    print("stopped: \(error)")
}
