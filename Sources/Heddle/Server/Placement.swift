internal import Synchronization

/// Which loop gets the next connection. Shared by the shares of one server.
// Sendable: `shares` is set once before anything is accepted, and `next` is atomic.
final class Placement: @unchecked Sendable {
    private let balance: ListenOptions.Balance
    private var shares: [ServerShare] = []
    private let next = Atomic<Int>(0)

    init(_ balance: ListenOptions.Balance) {
        self.balance = balance
    }

    /// Before anything is accepted.
    func setShares(_ shares: [ServerShare]) {
        self.shares = shares
    }

    /// How many of `loops` loops have a listening socket of their own.
    func listenerCount(loops: Int) -> Int {
        balance == .reusePort ? loops : 1
    }

    func choose(for accepting: ServerShare) -> ServerShare {
        switch balance {
        case .reusePort:
            return accepting
        case .roundRobin:
            let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
            return shares[number % shares.count]
        case .leastConnections:
            return shares.min { $0.openConnections < $1.openConnections } ?? accepting
        }
    }
}

extension ServerShare {
    /// The connections its loop has or will have: read by other loops, so a moment old.
    fileprivate var openConnections: Int {
        core.connectionCount.load(ordering: .relaxed)
    }
}
