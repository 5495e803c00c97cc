import Glibc

/// Commands for what a test needs to know before it begins.
///
/// Foundation's `Process` keeps a thread, and closes that one's descriptors seconds after the program's end:
/// those who count descriptors would take them for a test's own.
public enum Shell {
    /// Runs a line of sh(1) to its end.
    ///
    /// - Returns: what it printed, and its status as wait(2) tells it: 0 for a program that exited with 0.
    public static func run(_ line: String) -> (output: String, status: Int32) {
        guard let stream = popen(line, "re") else { return ("", -1) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&buffer, 1, buffer.count, stream), count > 0 {
            bytes += buffer.prefix(count)
        }
        let status = pclose(stream)
        return (String(decoding: bytes, as: UTF8.self), status)
    }
}
