internal import Synchronization

/// What a server counts and whom it tells of errors. Shared by its shares.
// Sendable: the counters are atomic; `onError` is guarded by `lock`.
final class ServerReports: @unchecked Sendable {
    /// Told of an error of one connection, whose peer is given, or of accepting.
    typealias Hook = @Sendable (any Error, ServedPeer?) -> Void

    private let lock = Lock()
    private var hook: Hook?
    private let accepted = Atomic<Int>(0)
    private let open = Atomic<Int>(0)
    private let failed = Atomic<Int>(0)
    /// Whether a shortage that hinders accepting is under way, on whichever loop.
    private let isInTrouble = Atomic<Bool>(false)
    private let bytesSent = Atomic<UInt64>(0)

    var onError: Hook? {
        get { lock.withLock { hook } }
        set { lock.withLock { hook = newValue } }
    }

    func connectionOpened() {
        accepted.wrappingAdd(1, ordering: .relaxed)
        open.wrappingAdd(1, ordering: .relaxed)
    }

    func connectionClosed(sent: UInt64) {
        open.wrappingSubtract(1, ordering: .relaxed)
        bytesSent.wrappingAdd(sent, ordering: .relaxed)
    }

    func report(_ error: any Error, on peer: ServedPeer?) {
        failed.wrappingAdd(1, ordering: .relaxed)
        onError?(error, peer)
    }

    /// Accepting fails on one of the loops; whether that is news for the server.
    func troubleBegan() -> Bool {
        !isInTrouble.exchange(true, ordering: .acquiringAndReleasing)
    }

    /// It works again where it had failed.
    func troubleEnded() {
        isInTrouble.store(false, ordering: .releasing)
    }

    var statistics: ServerStatistics {
        ServerStatistics(
            acceptedConnections: accepted.load(ordering: .relaxed),
            openConnections: open.load(ordering: .relaxed),
            errors: failed.load(ordering: .relaxed),
            bytesSent: bytesSent.load(ordering: .relaxed))
    }
}
