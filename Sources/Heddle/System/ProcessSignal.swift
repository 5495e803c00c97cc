internal import Glibc

/// A signal of the system, by its number (signal(7)). The names are those of Swift's own packages.
public struct ProcessSignal: RawRepresentable, Hashable, Sendable {
    /// The system's number, for example 15 for SIGTERM.
    public let rawValue: Int32

    /// Any number; whether it is a signal is looked at where it is used.
    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// SIGINT: what Control-C sends.
    public static let interrupt = ProcessSignal(rawValue: SIGINT)
    /// SIGTERM: asks a process to end.
    public static let terminate = ProcessSignal(rawValue: SIGTERM)
    /// SIGKILL: ends a process, which cannot prevent it.
    public static let kill = ProcessSignal(rawValue: SIGKILL)
    /// SIGQUIT: what Control-\ sends.
    public static let quit = ProcessSignal(rawValue: SIGQUIT)
    /// SIGHUP: the terminal is gone; by custom, have a service read its settings again.
    public static let terminalClosed = ProcessSignal(rawValue: SIGHUP)
    /// SIGSTOP: holds a process, which cannot prevent it.
    public static let suspend = ProcessSignal(rawValue: SIGSTOP)
    /// SIGCONT: lets a held process go on.
    public static let resume = ProcessSignal(rawValue: SIGCONT)
    /// SIGALRM.
    public static let alarm = ProcessSignal(rawValue: SIGALRM)
    /// SIGWINCH: the terminal has another size.
    public static let windowSizeChange = ProcessSignal(rawValue: SIGWINCH)
    /// SIGCHLD: a child process ended or was held.
    public static let childChange = ProcessSignal(rawValue: SIGCHLD)
    /// SIGURG: urgent data came on a socket.
    public static let urgent = ProcessSignal(rawValue: SIGURG)
    /// SIGUSR1.
    public static let userDefinedOne = ProcessSignal(rawValue: SIGUSR1)
    /// SIGUSR2.
    public static let userDefinedTwo = ProcessSignal(rawValue: SIGUSR2)

    /// Why a program cannot wait for this signal as an event; nil if it can.
    var reasonAgainstWatching: String? {
        switch rawValue {
        case SIGKILL, SIGSTOP:
            "the system lets no process catch it"
        case SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS:
            "the instruction that raises it would be run again and again"
        case SIGPIPE:
            "Heddle has it ignored: writing to what is closed gives an error instead"
        case 32, 33:
            "the C library uses it for its threads"
        case let number where !(1...64).contains(number):
            "there is no such signal"
        default:
            nil
        }
    }
}

extension ProcessSignal: CustomStringConvertible {
    private static let names: [Int32: String] = [
        SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL",
        SIGTRAP: "SIGTRAP", SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE",
        SIGKILL: "SIGKILL", SIGUSR1: "SIGUSR1", SIGSEGV: "SIGSEGV", SIGUSR2: "SIGUSR2",
        SIGPIPE: "SIGPIPE", SIGALRM: "SIGALRM", SIGTERM: "SIGTERM", SIGSTKFLT: "SIGSTKFLT",
        SIGCHLD: "SIGCHLD", SIGCONT: "SIGCONT", SIGSTOP: "SIGSTOP", SIGTSTP: "SIGTSTP",
        SIGTTIN: "SIGTTIN", SIGTTOU: "SIGTTOU", SIGURG: "SIGURG", SIGXCPU: "SIGXCPU",
        SIGXFSZ: "SIGXFSZ", SIGVTALRM: "SIGVTALRM", SIGPROF: "SIGPROF", SIGWINCH: "SIGWINCH",
        SIGIO: "SIGIO", SIGPWR: "SIGPWR", SIGSYS: "SIGSYS",
    ]

    /// The system's name, for example `SIGTERM`; `signal 40` for one that has none.
    public var description: String {
        Self.names[rawValue] ?? "signal \(rawValue)"
    }
}
