internal import Synchronization

/// The bell at a loop's one door: any thread may ring it, and after it is shut ringing does nothing.
/// Owned by the loop's inbox.
///
/// Signalling a `uv_async_t` that is being closed is a use after free. So ringers count themselves in
/// and out, without a lock (a `deinit` may ring), and the loop closes the handle only once the bell is
/// shut and no ringer is left inside.
// Sendable: the atomic guards the handle, which the loop sets up before anybody else has the bell.
final class Doorbell: @unchecked Sendable {
    private static let shutFlag = 1 << 62

    /// The ringers inside, plus the flag.
    private let state = Atomic<Int>(0)
    private var handle: UVAsync?

    /// On the loop, before any other thread knows the bell.
    func install(_ handle: UVAsync) {
        self.handle = handle
    }

    /// Wakes the loop. Safe from any thread, at any time; takes no lock.
    func ring() {
        let before = state.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
        if before & Self.shutFlag == 0 { handle?.signal() }
        state.wrappingSubtract(1, ordering: .acquiringAndReleasing)
    }

    /// On the loop: from now on nobody new gets to the handle.
    func shut() {
        state.bitwiseOr(Self.shutFlag, ordering: .acquiringAndReleasing)
    }

    /// On the loop, after `shut`: closes the handle if no ringer is inside; whether it did.
    func closeIfQuiet() -> Bool {
        guard state.load(ordering: .acquiring) == Self.shutFlag else { return false }
        handle?.close()
        handle = nil
        return true
    }
}
