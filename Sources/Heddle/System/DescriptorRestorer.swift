internal import Glibc

/// Puts back what a stream changed of a descriptor that others have too, when it has closed.
final class DescriptorRestorer: StreamOwner {
    private let lock: Int32?
    private let keeper: Int32?
    private let flags: Int32
    private let share: FlagShare?
    private var isDone = false

    /// - Parameters:
    ///   - lock: a descriptor whose closing ends the exclusive use.
    ///   - keeper: a duplicate that keeps the description reachable, and the flags it had.
    ///   - share: the use of a socket that other streams may use too.
    init(lock: Int32?, keeper: Int32? = nil, flags: Int32 = 0, share: FlagShare? = nil) {
        self.lock = lock
        self.keeper = keeper
        self.flags = flags
        self.share = share
    }

    override func streamDidClose(_ stream: StreamCore) {
        putBack()
    }

    func putBack() {
        guard !isDone else { return }
        isDone = true
        if let keeper {
            if let share {
                share.end { _ = fcntl(keeper, F_SETFL, flags) }
            } else {
                _ = fcntl(keeper, F_SETFL, flags)
            }
            Glibc.close(keeper)
        }
        if let lock {
            // A program that is being started may have the descriptor for a moment more.
            flock(lock, LOCK_UN)
            Glibc.close(lock)
        }
    }
}
