internal import Glibc

/// The one thing Heddle changes for the whole process.
enum ProcessSetup {
    /// Writing to a connection the peer has closed raises SIGPIPE, which ends the process unless it is
    /// ignored; the write then fails with EPIPE instead (signal(7)). A handler of the program's own is
    /// left in place.
    static func ignoreBrokenPipeSignal() {
        var action = sigaction()
        guard unsafe sigaction(SIGPIPE, nil, &action) == 0 else { return }
        // The handler is compared with the default, which is no handler at all.
        guard unsafe action.__sigaction_handler.sa_handler == nil else { return }
        signal(SIGPIPE, SIG_IGN)
    }
}
