internal import CLibuv

/// What a descriptor can be ready for, as libuv counts it.
struct UVPollEvents: OptionSet, Sendable {
    let rawValue: Int32

    static let readable = UVPollEvents(rawValue: Int32(UV_READABLE.rawValue))
    static let writable = UVPollEvents(rawValue: Int32(UV_WRITABLE.rawValue))
    /// The peer has closed its writing side.
    static let disconnect = UVPollEvents(rawValue: Int32(UV_DISCONNECT.rawValue))
    /// Urgent data, or a changed file of the kernel's.
    static let priority = UVPollEvents(rawValue: Int32(UV_PRIORITIZED.rawValue))
}

/// Readiness of a descriptor that somebody else owns, who must keep it open until this is closed.
// Unsafe: the handle's memory has the type its libuv calls want, and finds this object in `data`.
class UVPoll: UVHandle {
    init(kind: UVHandleKind = .poll, loop: UVLoop, descriptor: Int32) throws(UVError) {
        try unsafe super.init(kind: kind, type: UV_POLL, loop: loop) {
            unsafe uv_poll_init($0, $1.assumingMemoryBound(to: uv_poll_t.self), descriptor)
        }
    }

    final func startReading() throws(UVError) {
        try start(.readable)
    }

    /// Watches for `events` from now on, and for nothing else; each comes again for as long as it is true.
    final func start(_ events: UVPollEvents) throws(UVError) {
        let status = unsafe uv_poll_start(raw(as: uv_poll_t.self), events.rawValue) {
            handle, status, events in
            let owner = unsafe Unmanaged<UVPoll>.fromOpaque(handle!.pointee.data)
            unsafe owner._withUnsafeGuaranteedRef {
                $0.became(status < 0 ? nil : UVPollEvents(rawValue: events))
            }
        }
        try UVError.check(status)
    }

    final func stop() {
        _ = unsafe uv_poll_stop(raw(as: uv_poll_t.self))
    }

    /// Runs on the loop when the descriptor is ready for what it was watched for; nil if it has failed, and
    /// then libuv has stopped watching.
    func became(_ events: UVPollEvents?) {
        // An error is readiness too: the accept or read that follows reports it.
        becameReady()
    }

    /// The same, for those who watch for one thing.
    func becameReady() {}
}
