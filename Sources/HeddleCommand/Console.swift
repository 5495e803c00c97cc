import Glibc

/// Standard output and standard error: whole lines, written at once, and what may be done on a terminal.
enum Console {
    /// Writes one line to standard output, past any buffer.
    static func print(_ line: String) {
        write(line + "\n", to: STDOUT_FILENO)
    }

    /// Writes one line to standard error.
    static func printError(_ line: String) {
        write(line + "\n", to: STDERR_FILENO)
    }

    /// Whether a person watches standard output, or at least standard error.
    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    static var isErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    static func exit(_ status: Int32) -> Never {
        Glibc.exit(status)
    }

    /// Writes all of `text`. A reader that has gone is no error here: there is nobody to tell.
    static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            // The pointer is used only while the slice lends its memory.
            let written = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }
}

/// How text looks on standard output: plain unless that is a terminal (and NO_COLOR is not set).
struct Style {
    private let isPlain: Bool

    /// The style that suits standard output now.
    static var forOutput: Style {
        // The environment is read before any thread could change it, and nothing here does.
        Style(isPlain: unsafe !Console.isTerminal || getenv("NO_COLOR") != nil)
    }

    func bold(_ text: String) -> String { wrap(text, "1") }
    func dim(_ text: String) -> String { wrap(text, "2") }

    private func wrap(_ text: String, _ code: String) -> String {
        isPlain || text.isEmpty ? text : "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}
