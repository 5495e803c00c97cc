import Foundation

/// What is told on standard error while a run goes on.
struct Progress {
    private let total: Int
    private var done = 0
    private let start = Date()

    init(total: Int) { self.total = total }

    static func say(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    /// One measurement more.
    mutating func step(_ what: String) {
        done += 1
        let spent = Date().timeIntervalSince(start)
        let left = spent / Double(done) * Double(total - done)
        let remaining = left > 90 ? "\(Int(left / 60 + 0.5)) min" : "\(Int(left + 0.5)) s"
        Self.say("[\(done)/\(total), \(remaining) left] \(what)")
    }
}
