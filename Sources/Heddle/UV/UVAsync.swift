internal import CLibuv

/// The one handle that other threads may touch: it wakes the loop. Owned by the loop's doorbell.
final class UVAsync: UVHandle {
    private let woken: () -> Void

    /// - Parameter woken: called on the loop; any number of signals may become one call.
    init(loop: UVLoop, woken: @escaping () -> Void) throws(UVError) {
        self.woken = woken
        try unsafe super.init(kind: .async, type: UV_ASYNC, loop: loop) {
            unsafe uv_async_init($0, $1.assumingMemoryBound(to: uv_async_t.self)) { handle in
                let owner = unsafe Unmanaged<UVAsync>.fromOpaque(handle!.pointee.data)
                unsafe owner._withUnsafeGuaranteedRef { $0.woken() }
            }
        }
    }

    /// Wakes the loop. Safe to call from any thread while the caller keeps the handle from closing.
    func signal() {
        _ = unsafe uv_async_send(raw(as: uv_async_t.self))
    }
}
