/// What to do when accept(2) fails: go on, wait a while, or give up. Pure: it knows the error numbers
/// of this system and whether an episode of trouble is under way, nothing else.
struct AcceptBackOff {
    enum Decision: Equatable {
        /// Nobody is waiting.
        case wait
        /// That one connection is gone; there may be others.
        case next
        /// Descriptors or memory are short: wait for a turn to try again; report it if it is news.
        case pause(isNews: Bool)
        /// The listening socket itself is broken.
        case fail
    }

    private var isInTrouble = false

    /// A connection came; whether that ends an episode.
    mutating func accepted() -> Bool {
        defer { isInTrouble = false }
        return isInTrouble
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
            return .pause(isNews: !isInTrouble)
        default:
            return .fail
        }
    }
}
