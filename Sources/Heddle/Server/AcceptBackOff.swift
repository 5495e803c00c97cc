/// What to do when accept(2) fails: go on, wait a while, or give up. Pure: it knows the error numbers
/// of this system and whether an episode of trouble is under way, nothing else.
struct AcceptBackOff {
    enum Decision: Equatable {
        /// Nobody is waiting.
        case wait
        /// That one connection is gone; there may be others.
        case next
        /// Descriptors or memory are short: try again after the pause; report it if it is news.
        case pause(milliseconds: UInt64, isNews: Bool)
        /// The listening socket itself is broken.
        case fail
    }

    /// With this pause at most 10 accepts a second are tried.
    static let pauseMilliseconds: UInt64 = 100

    private var isInTrouble = false

    mutating func accepted() {
        isInTrouble = false
    }

    mutating func failed(_ name: String) -> Decision {
        switch name {
        case "EAGAIN":
            return .wait
        // accept(2): errors of the connection itself, which Linux passes on.
        case "ECONNABORTED", "EINTR", "EPROTO", "EPERM", "ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN",
            "ENONET", "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH", "ETIMEDOUT":
            return .next
        case "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM":
            defer { isInTrouble = true }
            return .pause(milliseconds: Self.pauseMilliseconds, isNews: !isInTrouble)
        default:
            return .fail
        }
    }
}
