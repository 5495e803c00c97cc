/// Which of a host's addresses is tried when (RFC 8305, "happy eyeballs"): one after the other, each
/// after a delay or when another has failed, until one has answered. Pure: it knows neither sockets nor clocks.
struct ConnectionRace {
    /// How long the newest attempt has before the next one starts beside it: what section 5 of the RFC
    /// recommends.
    static let attemptDelayNanoseconds: UInt64 = 250_000_000
    /// Attempts at the same time: a name with many addresses must not cost as many sockets.
    static let maximumRunning = 8

    enum Step: Equatable {
        /// Try the address with this number now.
        case attempt(Int)
        /// Something is under way: wait for what comes of it.
        case wait
        /// Nothing is left.
        case giveUp
    }

    private let count: Int
    private var next = 0
    private var running = 0

    init(count: Int) {
        self.count = count
    }

    /// Whether addresses are left to try.
    var hasMore: Bool { next < count }

    /// The race begins, or the newest attempt has had its time.
    mutating func advance() -> Step {
        if hasMore, running < Self.maximumRunning {
            next += 1
            running += 1
            return .attempt(next - 1)
        }
        return running > 0 ? .wait : .giveUp
    }

    /// One of the attempts has failed.
    mutating func failed() -> Step {
        running -= 1
        return advance()
    }

    /// There is no time left, or no loop: what runs is waited for.
    mutating func startNoMore() {
        next = count
    }

    /// The addresses in the order to try: the families in turn, beginning with that of the first address,
    /// and each in the order it came in (RFC 8305, section 4).
    static func order(_ addresses: [SocketAddress]) -> [SocketAddress] {
        guard let first = addresses.first else { return [] }
        let preferred = addresses.filter { $0.isIPv4 == first.isIPv4 }
        let others = addresses.filter { $0.isIPv4 != first.isIPv4 }
        var ordered: [SocketAddress] = []
        for index in 0..<max(preferred.count, others.count) {
            if index < preferred.count { ordered.append(preferred[index]) }
            if index < others.count { ordered.append(others[index]) }
        }
        return ordered
    }
}
