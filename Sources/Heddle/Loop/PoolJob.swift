/// One piece of work on the pool, and what it came to. Owned by the work until that is over, and by who
/// waits for it.
// Sendable: `result` is set on the pool's thread before libuv tells the loop, which alone uses the rest.
final class PoolJob<T: Sendable>: @unchecked Sendable {
    let waiter = Waiter()
    /// Set while libuv has the work.
    var work: UVWork?
    private let body: @Sendable () throws -> T
    private let discard: (T) -> Void
    private var result: Result<T, any Error>?
    private var isAbandoned = false

    init(body: @escaping @Sendable () throws -> T, discard: @escaping (T) -> Void) {
        self.body = body
        self.discard = discard
    }

    /// On a thread of the pool.
    func run() {
        result = Result { try body() }
    }

    /// After the waiter has fired: what the work came to.
    func takeResult() throws -> T {
        guard let result else { throw CancellationError() }
        return try result.get()
    }

    /// Nobody waits any more. Takes the work back if it has not begun; else its result is discarded, now
    /// or when it comes.
    func abandon() {
        guard !isAbandoned else { return }
        isAbandoned = true
        if let work { work.cancel() } else { discardIfAbandoned() }
    }

    /// Lets go of a result that came after the caller had gone.
    func discardIfAbandoned() {
        guard isAbandoned, case .success(let value)? = result else { return }
        result = nil
        discard(value)
    }
}
