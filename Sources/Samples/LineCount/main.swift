// Counts the lines of the files in a folder, and in the folders within it.
import Heddle
import SystemPackage

/// The number of line ends in a file, of which a few chunks are in memory at a time.
func lineCount(of path: FilePath, on loop: EventLoop) async throws -> Int {
    let file = try await File.open(path, on: loop)
    var count = 0
    for try await bytes in file.chunks() {
        count += bytes.count { $0 == UInt8(ascii: "\n") }
    }
    try await file.close()
    return count
}

let arguments = CommandLine.arguments
let folder = try FilePath(validating: arguments.count > 1 ? arguments[1] : ".")
try await Runtime.run(.init(threads: 1)) { runtime in
    let loop = runtime.nextLoop
    var total = 0
    let entries = loop.files.walk(folder, descends: { !$0.name.hasPrefix(".") })
    for try await entry in entries where entry.type == .regular {
        do {
            let count = try await lineCount(of: entry.path, on: loop)
            total += count
            print("\(count) \(entry.path)")
        } catch let error as IOError {
            // It may be gone by now, or not ours to read: the error names it.
            print(error)
        }
    }
    print("\(total) in all")
}
