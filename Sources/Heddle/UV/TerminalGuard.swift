internal import CHeddle
internal import Glibc

/// Raw mode of one terminal, and the handlers that put it back before a signal ends the process. Their state lies in C, next
/// to the handlers, which may run at any moment on any thread; one owner at a time, since signals belong to the process.
enum TerminalGuard {
    /// Begins raw mode; `end` is owed then.
    static func begin(_ descriptor: Int32) throws(IOError) {
        guard heddle_terminal_begin(descriptor) != 0 else { return }
        let number = errno
        let subject = "the terminal of descriptor \(descriptor)"
        guard number != EBUSY else {
            throw IOError(
                .busy, "set the mode of", on: subject,
                reason: "a terminal of this process is in raw mode already")
        }
        throw IOError(
            number == ENOTTY ? .wrongFileType : nil, "set the mode of", on: subject,
            UVError(status: -number))
    }

    /// Puts the terminal back, and the actions of signals except where somebody has set others since.
    static func end() {
        heddle_terminal_end()
    }

    /// The mode from before, until `resume`; false if it is there already, or the descriptor leads to a terminal that
    /// is not raw.
    static func pause(_ descriptor: Int32) -> Bool {
        heddle_terminal_pause(descriptor) != 0
    }

    /// Raw mode again.
    static func resume() {
        heddle_terminal_resume()
    }
}
