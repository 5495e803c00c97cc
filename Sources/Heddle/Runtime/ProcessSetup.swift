internal import Glibc

/// What Heddle changes for the whole process when its first loop starts.
enum ProcessSetup {
    static func prepare() {
        ignoreBrokenPipeSignal()
        occupyStandardDescriptors()
    }

    /// Writing to a connection the peer has closed raises SIGPIPE, which ends the process unless it is
    /// ignored; the write then fails with EPIPE instead (signal(7)). A handler of the program's own is
    /// left in place.
    private static func ignoreBrokenPipeSignal() {
        var action = sigaction()
        guard unsafe sigaction(SIGPIPE, nil, &action) == 0 else { return }
        // The handler is compared with the default, which is no handler at all.
        guard unsafe action.__sigaction_handler.sa_handler == nil else { return }
        signal(SIGPIPE, SIG_IGN)
    }

    /// O_PATH of open(2), which Swift's Glibc module leaves out.
    static let placeholderFlag: Int32 = 0x20_0000

    /// Takes the places of those descriptors 0 to 2 that are closed. Otherwise the loop's own would get these
    /// numbers, and be read and written as standard streams. What is in these places behaves as if it were closed:
    /// reading and writing fail with EBADF, and programs that are started do not have it.
    private static func occupyStandardDescriptors() {
        for number in STDIN_FILENO...STDERR_FILENO {
            guard fcntl(number, F_GETFD) < 0 else { continue }
            // The lowest number that is free, which is this one. The system reads the path during the call only.
            let place = unsafe open("/", placeholderFlag | O_CLOEXEC)
            if place > STDERR_FILENO { close(place) }
        }
    }
}
