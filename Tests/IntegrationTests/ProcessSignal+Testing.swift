import Glibc
import Heddle

/// What tests of signals do to their own process.
extension ProcessSignal {
    /// Whether the process has the default action for it.
    var hasDefaultAction: Bool {
        var action = sigaction()
        sigaction(rawValue, nil, &action)
        return action.__sigaction_handler.sa_handler == nil
    }

    func sendToProcess() {
        Glibc.kill(getpid(), rawValue)
    }
}
