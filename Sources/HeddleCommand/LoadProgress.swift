import Glibc

/// The line a load shows on a terminal while it runs.
struct LoadProgress {
    private static let barWidth = 24
    private static let eraseLine = "\r\u{1B}[K"

    private let start: UInt64
    private let lengthSeconds: Double
    private var before: (completed: Int, time: UInt64)

    init(start: UInt64, length: Duration) {
        self.start = start
        lengthSeconds = length / .seconds(1)
        before = (0, start)
    }

    /// Shows how far the load is, and the rate since the last time.
    mutating func show(completed: Int, at time: UInt64) {
        let seconds = Double(time - start) / 1e9
        let interval = max(Double(time - before.time) / 1e9, 1e-9)
        let rate = Double(completed - before.completed) / interval
        before = (completed, time)
        let share = min(1, seconds / lengthSeconds)
        let filled = Int(share * Double(Self.barWidth))
        let bar =
            String(repeating: "━", count: filled)
            + String(repeating: "╌", count: Self.barWidth - filled)
        Console.write(
            "\(Self.eraseLine)  \(bar)  \(Text.fixed(seconds, 1)) s  \(Text.grouped(Int(rate))) requests/s",
            to: STDERR_FILENO)
    }

    /// Takes the line away.
    func clear() {
        Console.write(Self.eraseLine, to: STDERR_FILENO)
    }
}
