internal import CLibuv

/// Readiness of a socket for reading and for writing, with its errors told apart. Somebody else owns the
/// descriptor, who must keep it open until this is closed.
///
/// libuv 1.44 stops watching a descriptor that has an error; whoever took the error off the socket starts
/// again. Each change of what is watched costs system calls, so it is left on while it may be wanted soon.
// Unsafe: the handle's memory has the type its libuv calls want, and finds this object in `data`.
// Exclusivity: `interest` is read and set by single statements.
class UVReadiness: UVHandle {
    /// What is waited for.
    struct Interest: OptionSet {
        let rawValue: Int32

        static let readable = Interest(rawValue: Int32(UV_READABLE.rawValue))
        static let writable = Interest(rawValue: Int32(UV_WRITABLE.rawValue))
    }

    @safe @exclusivity(unchecked) private(set) final var interest: Interest = []

    init(loop: UVLoop, descriptor: Int32) throws(UVError) {
        try unsafe super.init(kind: .poll, type: UV_POLL, loop: loop) {
            unsafe uv_poll_init($0, $1.assumingMemoryBound(to: uv_poll_t.self), descriptor)
        }
    }

    /// Waits for these from now on; the handle is open.
    final func watch(_ wanted: Interest) throws(UVError) {
        guard wanted != interest else { return }
        guard !wanted.isEmpty else {
            interest = []
            _ = unsafe uv_poll_stop(raw(as: uv_poll_t.self))
            return
        }
        let status = unsafe uv_poll_start(raw(as: uv_poll_t.self), wanted.rawValue) {
            handle, status, events in
            let owner = unsafe Unmanaged<UVReadiness>.fromOpaque(
                handle.unsafelyUnwrapped.pointee.data)
            unsafe owner._withUnsafeGuaranteedRef {
                status < 0 ? $0.didFail() : $0.becameReady(Interest(rawValue: events))
            }
        }
        try UVError.check(status)
        interest = wanted
    }

    private final func didFail() {
        interest = []
        hasError()
    }

    /// Runs on the loop when the socket is ready for what was waited for.
    func becameReady(_ ready: Interest) {}

    /// Runs on the loop when the socket has an error; nothing is watched any more.
    func hasError() {}
}
