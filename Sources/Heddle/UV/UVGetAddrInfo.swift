internal import CLibuv
internal import Glibc

/// One look-up of a name on libuv's worker pool, which every runtime in the process shares.
///
/// Belongs to the thread of the loop it was started on, which calls back exactly once.
@safe final class UVGetAddrInfo {
    private let loop: UVLoop
    private let finished: (Result<[[UInt8]], UVError>) -> Void
    private let request: UnsafeMutablePointer<uv_getaddrinfo_t>
    private var isPending = true

    /// Starts to look `host` up. `finished` gets the socket addresses in the resolver's order, each as
    /// the bytes of a `sockaddr`.
    init(
        loop: UVLoop, host: String, finished: @escaping (Result<[[UInt8]], UVError>) -> Void
    ) throws(UVError) {
        self.finished = finished
        self.loop = loop
        unsafe request = UnsafeMutablePointer.allocate(capacity: 1)
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        let status = unsafe uv_getaddrinfo(
            loop.raw, request,
            { request, status, list in
                let owner = unsafe Unmanaged<UVGetAddrInfo>.fromOpaque(request!.pointee.data)
                unsafe owner.takeRetainedValue().finish(status: status, list: list)
            }, host, nil, &hints)
        guard status >= 0 else {
            unsafe request.deallocate()
            isPending = false
            throw UVError(status: status)
        }
        // Held until the callback, which always comes; it cannot come before this returns.
        loop.pendingLookups += 1
        unsafe request.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    /// Asks for an early end: `finished` gets `ECANCELED`, unless the look-up has begun already, in
    /// which case its own result comes.
    func cancel() {
        guard isPending else { return }
        // uv_req_t is the common head of every request.
        _ = unsafe UnsafeMutableRawPointer(request)
            .withMemoryRebound(to: uv_req_t.self, capacity: 1) { unsafe uv_cancel($0) }
    }

    private func finish(status: Int32, list: UnsafeMutablePointer<addrinfo>?) {
        isPending = false
        loop.pendingLookups -= 1
        var found: [[UInt8]] = []
        var next = unsafe list
        // The list is libuv's until freed below; each entry says how long its address is.
        while let entry = unsafe next {
            let bytes = unsafe UnsafeRawBufferPointer(
                start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen))
            unsafe found.append(Array(bytes))
            unsafe next = entry.pointee.ai_next
        }
        unsafe uv_freeaddrinfo(list)
        unsafe request.deallocate()
        finished(status == 0 ? .success(found) : .failure(UVError(status: status)))
    }
}
