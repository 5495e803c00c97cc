internal import Glibc

/// A terminal behind an open descriptor, which stays the caller's: its size and its mode.
///
/// To read keys and write text, use ``StandardInput`` and ``StandardOutput``, or a ``PipeStream`` of the descriptor.
/// All of this may be called from any thread, and waits for nobody.
public struct Terminal: Sendable, Hashable {
    /// How many characters a terminal shows.
    public struct Size: Sendable, Hashable {
        /// Characters in a row; 0 where nobody has said.
        public var columns: Int
        /// Rows; 0 where nobody has said.
        public var rows: Int

        /// A size.
        public init(columns: Int, rows: Int) {
            self.columns = columns
            self.rows = rows
        }
    }

    /// The descriptor.
    public let descriptor: Int32

    /// A terminal of a descriptor, the standard input if none is named. It must stay open as long as this is used.
    ///
    /// - Throws: ``IOError/Code/wrongFileType`` if it leads to something else, ``IOError/Code/invalidArgument``
    ///   if it is not open.
    public init(descriptor: Int32 = 0) throws {
        guard Self.isTerminal(descriptor) else { throw Self.error("use", on: descriptor) }
        self.descriptor = descriptor
    }

    /// Whether a descriptor leads to a terminal (isatty(3)).
    public static func isTerminal(_ descriptor: Int32) -> Bool {
        isatty(descriptor) == 1
    }

    /// The size now.
    ///
    /// - Throws: as ``init(descriptor:)``, if the descriptor has been closed since.
    public var size: Size {
        get throws {
            guard let size = LinuxCalls.terminalSize(descriptor) else {
                throw Self.error("get the size of", on: descriptor)
            }
            return Size(columns: size.columns, rows: size.rows)
        }
    }

    private static func error(_ operation: String, on descriptor: Int32) -> IOError {
        let number = errno
        // Some that are none say EINVAL.
        let isNone = number == ENOTTY || number == EINVAL
        return IOError(
            isNone ? .wrongFileType : nil, operation,
            on: "the terminal of descriptor \(descriptor)",
            UVError(status: -(isNone ? ENOTTY : number)))
    }

    // MARK: The mode

    /// Runs `body` with the terminal in raw mode (cfmakeraw(3)): keys come one by one, are not shown, and none of
    /// them sends a signal; text needs CR LF to begin a line. At the end of `body`, however it ends, the
    /// terminal is as it was.
    ///
    /// So it is when the process ends inside: at exit(3), by a crash (SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE,
    /// SIGTRAP), and by SIGTERM, SIGHUP, SIGINT and SIGQUIT unless somebody handles or ignores these; and while SIGTSTP
    /// holds it. That takes handlers for these signals, which are there while `body` runs. They pass each signal
    /// on to the action from before, so that the process ends as it would without them. A ``SignalWatch`` that
    /// starts inside takes the place of such a handler. Nothing can be done about SIGKILL and `_exit`, which leave the
    /// terminal raw: `stty sane` puts it right.
    ///
    /// - Parameter body: what runs in raw mode, where the caller runs. Cancelling is left to it.
    /// - Throws: what `body` throws; ``IOError`` as ``init(descriptor:)``; ``IOError/Code/busy`` while a terminal of
    ///   this process is in raw mode already: signals belong to the process. Nothing is changed then.
    public func withRawMode<T>(_ body: () async throws -> T) async throws -> T {
        try TerminalGuard.begin(descriptor)
        defer { TerminalGuard.end() }
        return try await body()
    }

    /// Runs `body` in the mode from before, amid ``withRawMode(_:)`` of this terminal: for a program that is
    /// started from there, or a line to be typed. Raw mode is back at its end, however it ends.
    ///
    /// Where this terminal is not raw, it just runs `body`.
    public func withNormalMode<T>(_ body: () async throws -> T) async throws -> T {
        let isPaused = TerminalGuard.pause(descriptor)
        defer { if isPaused { TerminalGuard.resume() } }
        return try await body()
    }
}
