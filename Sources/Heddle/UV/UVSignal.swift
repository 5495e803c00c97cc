internal import CLibuv

/// A watcher of one signal. Owned by the loop; closed in the phase of a stop that closes timers.
// Unsafe: the handle's memory has the type its libuv calls want, and finds this object in `data`.
final class UVSignal: UVHandle {
    private let received: (Int32) -> Void
    private let closed: () -> Void

    /// Watches `signal` until it is closed.
    ///
    /// - Parameters:
    ///   - received: called for each signal, in libuv's callback: it records, and runs no user code.
    ///   - closed: called in the close callback, also when this throws.
    init(
        loop: UVLoop, signal: Int32, received: @escaping (Int32) -> Void,
        closed: @escaping () -> Void = {}
    ) throws(UVError) {
        self.received = received
        self.closed = closed
        try unsafe super.init(kind: .signal, type: UV_SIGNAL, loop: loop) {
            unsafe uv_signal_init($0, $1.assumingMemoryBound(to: uv_signal_t.self))
        }
        let status = unsafe uv_signal_start(
            raw(as: uv_signal_t.self),
            { handle, number in
                let owner = unsafe Unmanaged<UVSignal>.fromOpaque(handle!.pointee.data)
                unsafe owner._withUnsafeGuaranteedRef { $0.received(number) }
            }, signal)
        guard status >= 0 else {
            close()
            throw UVError(status: status)
        }
    }

    override func didClose() {
        closed()
    }
}
