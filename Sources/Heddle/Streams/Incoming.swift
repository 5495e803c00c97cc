/// What comes to a socket or a listener, until that is closed on this side. Iterations take turns: what one leaves,
/// the next gets.
public struct Incoming<Element: Sendable>: AsyncSequence, Sendable {
    /// Takes the next one, and throws ``IOError/Code/closed`` at the end.
    typealias Taking = nonisolated(nonsending) @Sendable () async throws -> Element
    private let take: Taking

    init(_ take: @escaping Taking) {
        self.take = take
    }

    /// Begins an iteration; nothing is taken before its first ``Iterator/next()``.
    public func makeAsyncIterator() -> Iterator { Iterator(take: take) }

    /// One pass over what comes.
    public struct Iterator: AsyncIteratorProtocol {
        let take: Taking

        /// The next one; nil once what it comes to is closed on this side.
        ///
        /// - Throws: as the method that takes one, except for a close; cancelling loses nothing. The next call goes
        ///   on.
        public mutating func next() async throws -> Element? {
            try await next(isolation: #isolation)
        }

        /// What a `for await` loop calls: as ``next()``. It keeps the caller's isolation without being
        /// told of it.
        public nonisolated(nonsending) mutating func next(
            isolation actor: (any Actor)?
        ) async throws(any Error) -> Element? {
            do {
                return try await take()
            } catch let error as IOError where error.code == .closed {
                return nil
            }
        }
    }
}
