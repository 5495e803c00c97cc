internal import CLibuv
internal import Glibc

/// A private `uv_loop_t`, owned and driven by one thread.
///
/// Everything here belongs to that thread.
@safe final class UVLoop {
    /// Whether the loop has ended: nothing is to be asked of it any more, even if closing it failed.
    private(set) var isClosed = false
    /// Whether libuv may still use its memory.
    private var isInUse = true
    private var liveHandles = [Int](repeating: 0, count: UVHandleKind.allCases.count)

    /// libuv's memory, freed when this object goes, which is after every handle has.
    let raw: UnsafeMutablePointer<uv_loop_t>

    /// - Throws: what `uv_loop_init` reported, for example `EMFILE`: a loop takes four descriptors.
    init() throws(UVError) {
        unsafe raw = UnsafeMutablePointer.allocate(capacity: 1)
        unsafe raw.initialize(to: uv_loop_t())
        unsafe raw.pointee.backend_fd = -1
        let status = unsafe uv_loop_init(raw)
        guard status >= 0 else {
            isClosed = true
            isInUse = false
            // libuv 1.44 gives back all but its epoll descriptor when a later step fails.
            if unsafe raw.pointee.backend_fd != -1 {
                unsafe _ = Glibc.close(raw.pointee.backend_fd)
            }
            throw UVError(status: status)
        }
    }

    deinit {
        // A loop that is let go without being closed would leak descriptors silently.
        assert(isClosed, "a loop was dropped without being closed")
        // What is left in a loop that could not be closed refers to its memory: better lost than reused.
        if !isInUse { unsafe raw.deallocate() }
    }

    /// Runs until no handle keeps the loop alive or `stopRunning` was called.
    func run() {
        _ = unsafe uv_run(raw, UV_RUN_DEFAULT)
    }

    /// Runs one iteration without blocking; whether anything is still alive.
    func runWithoutBlocking() -> Bool {
        unsafe uv_run(raw, UV_RUN_NOWAIT) != 0
    }

    /// Runs one iteration, which blocks until something happens.
    func runOnce() {
        _ = unsafe uv_run(raw, UV_RUN_ONCE)
    }

    /// Makes `run` return at the end of this iteration.
    func stopRunning() {
        unsafe uv_stop(raw)
    }

    /// The time of this iteration, in whole milliseconds of the monotonic clock.
    var nowMilliseconds: UInt64 {
        unsafe uv_now(raw)
    }

    /// The monotonic clock now, in nanoseconds.
    static var hrtimeNanoseconds: UInt64 {
        uv_hrtime()
    }

    /// Closes the loop: everything registered must be closed by now.
    ///
    /// - Throws: `EBUSY` if a handle is left, which is a bug of the runtime.
    func close() throws(UVError) {
        try unsafe UVError.check(uv_loop_close(raw))
        isClosed = true
        isInUse = false
    }

    /// Ends a loop that cannot be closed: nobody runs it any more, and what is left in it stays.
    func abandon() {
        isClosed = true
    }

    /// Every handle that is not closed yet.
    func openHandles() -> [UVHandle] {
        var found: [UVHandle] = []
        // libuv calls back only during the walk, so the pointer to the local array stays valid.
        unsafe withUnsafeMutablePointer(to: &found) { list in
            unsafe uv_walk(
                raw,
                { handle, list in
                    // libuv's own internal handles (the signal pipe) are not walked in 1.44.
                    let owner = unsafe Unmanaged<UVHandle>.fromOpaque(handle!.pointee.data)
                    unsafe list!.assumingMemoryBound(to: [UVHandle].self).pointee
                        .append(owner.takeUnretainedValue())
                }, list)
        }
        return found.filter { $0.phase == .open }
    }

    /// How many handles of a kind are not closed yet.
    func liveCount(_ kind: UVHandleKind) -> Int {
        liveHandles[Int(kind.rawValue)]
    }

    /// The live handles by kind, in words, for reports: `tcp: 2, poll: 1`.
    var liveDescription: String {
        UVHandleKind.allCases.filter { liveCount($0) > 0 }
            .map { "\($0): \(liveCount($0))" }.joined(separator: ", ")
    }

    /// Set by the loop's tick while that is open.
    var tick: UVTick?

    /// Requests in the worker pool's hands: file work. They keep the loop from closing, and a
    /// begun one cannot be broken off.
    var pendingRequests = 0

    /// Called after every libuv callback that runs outside the poll: what it made ready has its turn
    /// before the next poll.
    func needsTurn() {
        tick?.armPrepare()
    }

    /// Closed handles that a queue still refers to; the loop lets them go when the queue has run.
    // Exclusivity: the list is changed here alone, and its closure looks at flags only.
    @safe @exclusivity(unchecked) private var awaitingTurn: [UVHandle] = []

    func keepUntilTurn(_ handle: UVHandle) {
        awaitingTurn.append(handle)
    }

    /// Lets closed handles go that no queue refers to any more.
    @inline(__always)
    func releaseFinishedTurns() {
        if awaitingTurn.isEmpty { return }
        awaitingTurn.removeAll { !$0.isAwaitingTurn && !$0.isCorked }
    }

    func handleOpened(_ kind: UVHandleKind) {
        liveHandles[Int(kind.rawValue)] += 1
    }

    func handleClosed(_ kind: UVHandleKind) {
        liveHandles[Int(kind.rawValue)] -= 1
    }
}
