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

    /// The share for the next connection; nil if none may have more.
    func choose(for accepting: ServerShare) -> ServerShare? {
        switch balance {
        case .reusePort:
            return accepting.hasRoom ? accepting : nil
        case .roundRobin:
            for _ in shares {
                let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
                let share = shares[number % shares.count]
                if share.hasRoom { return share }
            }
            return nil
        case .leastConnections:
            return shares.filter(\.hasRoom).min {
                $0.core.openConnections < $1.core.openConnections
            }
        }
    }

    /// Whether any share that `accepting` accepts for may have more.
    func hasRoom(for accepting: ServerShare) -> Bool {
        balance == .reusePort ? accepting.hasRoom : shares.contains(where: \.hasRoom)
    }

    /// The share whose acceptor brings connections to `share`.
    func accepting(for share: ServerShare) -> ServerShare {
        balance == .reusePort ? share : shares[0]
    }
}
