internal import CLibuv

/// Readiness of a descriptor that somebody else owns, who must keep it open until this is closed.
// Unsafe: the handle's memory has the type its libuv calls want, and finds this object in `data`.
class UVPoll: UVHandle {
    init(loop: UVLoop, descriptor: Int32) throws(UVError) {
        try unsafe super.init(kind: .poll, type: UV_POLL, loop: loop) {
            unsafe uv_poll_init($0, $1.assumingMemoryBound(to: uv_poll_t.self), descriptor)
        }
    }

    final func startReading() throws(UVError) {
        let status = unsafe uv_poll_start(raw(as: uv_poll_t.self), Int32(UV_READABLE.rawValue)) {
            handle, _, _ in
            // An error is readiness too: the accept or read that follows reports it.
            let owner = unsafe Unmanaged<UVPoll>.fromOpaque(handle!.pointee.data)
            unsafe owner._withUnsafeGuaranteedRef { $0.becameReady() }
        }
        try UVError.check(status)
    }

    final func stop() {
        _ = unsafe uv_poll_stop(raw(as: uv_poll_t.self))
    }

    /// Runs on the loop when the descriptor is readable or failed.
    func becameReady() {}
}
