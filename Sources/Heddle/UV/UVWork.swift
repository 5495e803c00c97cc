internal import CLibuv

/// One piece of blocking work on libuv's worker pool, which every runtime in the process shares.
///
/// Belongs to the thread of the loop it was started on, which calls back exactly once.
@safe final class UVWork {
    private let loop: UVLoop
    /// Runs on a thread of the pool.
    private let body: @Sendable () -> Void
    private let finished: (_ ran: Bool) -> Void
    private let request: UnsafeMutablePointer<uv_work_t>
    private var isPending = true

    /// Queues `body`. `finished` is told on the loop, in a later phase, whether it ran: it did not if it was
    /// cancelled in time.
    init(
        loop: UVLoop, body: @escaping @Sendable () -> Void,
        finished: @escaping (_ ran: Bool) -> Void
    ) {
        self.loop = loop
        self.body = body
        self.finished = finished
        unsafe request = UnsafeMutablePointer.allocate(capacity: 1)
        loop.pendingRequests += 1
        // Set before the pool can see the request; held until the callback, which always comes.
        unsafe request.pointee.data = Unmanaged.passRetained(self).toOpaque()
        let status = unsafe uv_queue_work(
            loop.raw, request,
            { request in
                let owner = unsafe Unmanaged<UVWork>.fromOpaque(request!.pointee.data)
                unsafe owner._withUnsafeGuaranteedRef { $0.body() }
            },
            { request, status in
                let owner = unsafe Unmanaged<UVWork>.fromOpaque(request!.pointee.data)
                unsafe owner.takeRetainedValue().finish(status: status)
            })
        precondition(status == 0, "libuv refuses work only if there is none")
    }

    /// Takes the work back if no thread has begun it; otherwise it runs to its end.
    func cancel() {
        guard isPending else { return }
        // uv_req_t is the common head of every request.
        _ = unsafe UnsafeMutableRawPointer(request)
            .withMemoryRebound(to: uv_req_t.self, capacity: 1) { unsafe uv_cancel($0) }
    }

    private func finish(status: Int32) {
        isPending = false
        loop.pendingRequests -= 1
        // libuv is done with it.
        unsafe request.deallocate()
        finished(status == 0)
    }
}
