internal import CLibuv
internal import Glibc

/// What only TCP streams do.
extension UVStream {
    /// Takes over a connected socket; the stream owns the descriptor from here on, also on failure
    /// of anything later.
    final func open(descriptor: Int32) throws(UVError) {
        try unsafe UVError.check(uv_tcp_open(raw(as: uv_tcp_t.self), descriptor))
        self.descriptor = descriptor
    }

    /// Starts a connection attempt of the socket that was opened; `didConnect` tells its end, also when the handle is closed first.
    final func connect(to address: UnsafePointer<sockaddr>) throws(UVError) {
        let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
        // libuv holds the request until its callback, and finds the stream through the handle.
        let status = unsafe uv_tcp_connect(request, raw(as: uv_tcp_t.self), address) {
            request, status in
            let owner = unsafe Unmanaged<UVStream>.fromOpaque(request!.pointee.handle.pointee.data)
            unsafe request!.deallocate()
            unsafe owner._withUnsafeGuaranteedRef {
                $0.didConnect(status: status)
                $0.uvLoop.needsTurn()
            }
        }
        guard status >= 0 else {
            unsafe request.deallocate()
            throw UVError(status: status)
        }
    }
}
