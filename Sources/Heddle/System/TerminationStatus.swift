/// How a child process ended.
public enum TerminationStatus: Sendable, Hashable {
    /// By itself, with an exit status from 0 to 255; 0 means success by custom.
    case exited(Int32)
    /// By a signal.
    case signaled(ProcessSignal)

    /// Whether it exited with 0.
    public var isSuccess: Bool { self == .exited(0) }
}

extension TerminationStatus: CustomStringConvertible {
    /// `exited with 1`, or `ended by SIGTERM`.
    public var description: String {
        switch self {
        case .exited(let status): "exited with \(status)"
        case .signaled(let signal): "ended by \(signal)"
        }
    }
}
