internal import Glibc
public import SystemPackage

/// Paths the system would not see as they are.
extension FilePath {
    /// A path from text that comes from outside.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` for text that no path has: with a NUL character, which
    ///   the system would take for the path's end, or empty.
    public init(validating text: String) throws(IOError) {
        guard !text.isEmpty else {
            throw IOError(.invalidArgument, "use as a path", on: "''", reason: "it is empty")
        }
        guard !text.utf8.contains(0) else {
            throw IOError(
                .invalidArgument, "use as a path",
                on: text.split(separator: "\0").joined(separator: "\\0"),
                reason: "it has a NUL character")
        }
        self.init(text)
    }

    /// Throws for a path that the system would not see whole, or not at all.
    func checkIsUsable(for operation: String) throws(IOError) {
        guard !isEmpty else {
            throw IOError(.invalidArgument, operation, on: "''", reason: "the path is empty")
        }
        // The text lives for the call only.
        let seen = unsafe withPlatformString { unsafe strlen($0) }
        guard seen == length else {
            throw IOError(
                .invalidArgument, operation, on: string, reason: "the path has a NUL character")
        }
    }
}
