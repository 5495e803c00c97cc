/// A suspended task, to be resumed once from any thread, wherever the task then goes on: on its own loop, if
/// it has one. Owned by whoever is to resume it.
///
/// For waits that other threads end; what a loop ends itself waits by `LoopCore.park`, which costs less.
// Unsafe: each is resumed exactly once, which its owners see to: they take it out of the place where it is
// kept, under a lock, before they resume it.
@usableFromInline @safe struct Suspension<T: Sendable>: Sendable {
    @usableFromInline let continuation: UnsafeContinuation<T, Never>

    @inlinable init(_ continuation: UnsafeContinuation<T, Never>) {
        unsafe self.continuation = continuation
    }

    /// Suspends the current task; `body` is called before anybody can resume it, and must not block.
    @inlinable @inline(__always)
    static func wait(_ body: (Suspension) -> Void) async -> T {
        // Resumed as said above.
        await unsafe withUnsafeContinuation { unsafe body(Suspension($0)) }
    }

    @inlinable @inline(__always)
    func resume(returning value: T) {
        unsafe continuation.resume(returning: value)
    }
}
