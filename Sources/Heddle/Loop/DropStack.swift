internal import Synchronization

/// Handles and files whose last user reference went on another thread, waiting for their loop to close them.
///
/// A stack without a lock, since a `deinit` pushes: one exchange of the head. The loop takes all at
/// once, so the head never returns to an old value while somebody holds it.
// Sendable: one atomic, and links that belong to whoever holds the handle: pusher, then loop.
final class DropStack: Sendable {
    private static let shutMark: UInt = 1
    /// The address of the newest handle, 0 for none, or the mark.
    private let head = Atomic<UInt>(0)

    /// Leaves `owned` for its loop; false if the loop has ended, which has closed it.
    /// Safe to call from any thread.
    func push(_ owned: LoopOwned) -> Bool {
        // The stack owns a reference from here to `takeAll`.
        let reference = unsafe Unmanaged.passRetained(owned)
        let address = unsafe UInt(bitPattern: reference.toOpaque())
        var top = head.load(ordering: .relaxed)
        while top != Self.shutMark {
            owned.nextDropped = top
            let (done, current) = head.weakCompareExchange(
                expected: top, desired: address, ordering: .acquiringAndReleasing)
            if done { return true }
            top = current
        }
        unsafe reference.release()
        return false
    }

    /// On the loop: what was left so far; with `shutting`, none are accepted from now on.
    func takeAll(shutting: Bool = false) -> [LoopOwned] {
        let top = head.load(ordering: .relaxed)
        // Once shut it stays shut: an exchange would open it again for pushes that nobody takes.
        if top == Self.shutMark || (top == 0 && !shutting) { return [] }
        var next = head.exchange(shutting ? Self.shutMark : 0, ordering: .acquiringAndReleasing)
        var found: [LoopOwned] = []
        while next != 0, next != Self.shutMark {
            // Pushed by `push` with a reference, which passes to the array.
            let pointer = unsafe UnsafeRawPointer(bitPattern: next).unsafelyUnwrapped
            let owned = unsafe Unmanaged<LoopOwned>.fromOpaque(pointer).takeRetainedValue()
            next = owned.nextDropped
            found.append(owned)
        }
        return found
    }
}
