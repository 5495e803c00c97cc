internal import CLibuv

/// One libuv timer: the alarm clock under a loop's timer queue. Owned by that queue's loop.
// Unsafe: the handle's memory has the type its libuv calls want, and finds this object in `data`.
final class UVTimer: UVHandle {
    private let fired: () -> Void

    init(loop: UVLoop, fired: @escaping () -> Void) throws(UVError) {
        self.fired = fired
        try unsafe super.init(kind: .timer, type: UV_TIMER, loop: loop) {
            unsafe uv_timer_init($0, $1.assumingMemoryBound(to: uv_timer_t.self))
        }
    }

    /// Fires once `milliseconds` after the time of this iteration; at least 1, since a timer set to 0
    /// from its own callback would never leave the timer phase.
    func start(afterMilliseconds milliseconds: UInt64) {
        _ = unsafe uv_timer_start(
            raw(as: uv_timer_t.self),
            { handle in
                let owner = unsafe Unmanaged<UVTimer>.fromOpaque(handle!.pointee.data)
                unsafe owner._withUnsafeGuaranteedRef {
                    $0.fired()
                    $0.uvLoop.needsTurn()
                }
            }, max(1, milliseconds), 0)
    }

    func stop() {
        _ = unsafe uv_timer_stop(raw(as: uv_timer_t.self))
    }
}
