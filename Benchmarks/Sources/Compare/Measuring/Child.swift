import Foundation

/// What went wrong with a program: the measurement is void.
struct Failed: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A program that was started, with its output in files, so that it never waits for a reader.
final class Child {
    let command: [String]
    private let process = Process()
    private let output: TemporaryFile
    private let errors: TemporaryFile
    private let input = Pipe()
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter cpu: the core it is pinned to, if any.
    init(_ command: [String], cpu: Int? = nil) throws {
        // However this program ends, what it started ends with it: a server left behind would spoil the next
        // measurement.
        var words = ["setpriv", "--pdeathsig", "KILL"]
        if let cpu { words += ["taskset", "-c", "\(cpu)"] }
        words += command
        self.command = command
        output = try TemporaryFile()
        errors = try TemporaryFile()
        // env finds the program and becomes it, as the others do: the process id stays.
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = words
        process.standardInput = input
        process.standardOutput = output.handle
        process.standardError = errors.handle
        process.terminationHandler = { [ended] _ in ended.signal() }
        do { try process.run() } catch { throw Failed("\(command[0]): \(error)") }
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    var identifier: Int32 { process.processIdentifier }
    var text: String { output.text }

    /// Waits until the output holds `text`.
    func wait(for text: String, limit: Double) throws {
        let deadline = Date(timeIntervalSinceNow: limit)
        while !output.text.contains(text) {
            guard process.isRunning else {
                throw failure("ended with \(process.terminationStatus)")
            }
            guard Date() < deadline else { throw failure("no \"\(text)\" within \(limit) s") }
            usleep(2000)
        }
    }

    /// Waits for its end and returns what it printed.
    @discardableResult
    func result(limit: Double) throws -> String {
        guard ended.wait(timeout: .now() + limit) == .success else {
            kill(process.processIdentifier, SIGKILL)
            throw failure("did not end within \(limit) s")
        }
        ended.signal()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw failure("ended with status \(process.terminationStatus)")
        }
        return output.text
    }

    /// Ends it in order, and throws if it does not.
    func stop(limit: Double = 20) throws {
        kill(process.processIdentifier, SIGTERM)
        try result(limit: limit)
    }

    /// Ends its standard input, which some programs take as the sign to end.
    func endInput() { try? input.fileHandleForWriting.close() }

    func failure(_ what: String) -> Failed {
        let lines = errors.text.split(separator: "\n").suffix(5).joined(separator: " | ")
        return Failed("\(command.joined(separator: " ")): \(what) \(lines)")
    }
}

/// A file without a name.
private final class TemporaryFile {
    let handle: FileHandle

    init() throws {
        var path = Array("/tmp/heddle-compare-XXXXXX".utf8CString)
        let descriptor = mkstemp(&path)
        guard descriptor >= 0 else { throw Failed("mkstemp: error \(errno)") }
        unlink(path)
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    var text: String {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = pread(handle.fileDescriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
