internal import CLibuv

/// A handle registered with one loop, which owns it until its close callback has run.
///
/// The life cycle every kind shares: open → closing → closed. The memory libuv works in is allocated
/// here and freed here, in the close callback, by the loop's thread. While a handle is not closed the
/// loop keeps this object alive, so a callback always finds it.
///
/// Everything here belongs to the loop's thread.
// Exclusivity: the fields are read and set by single statements.
@safe class UVHandle: LoopOwned {
    enum Phase: UInt8 {
        case open, closing, closed
    }

    final let uvLoop: UVLoop

    /// libuv's memory: valid until the close callback, which is when `phase` becomes `closed`.
    private final let memory: UnsafeMutableRawPointer
    // The small fields last, so that those of a subclass lie right behind them: a connection is counted
    // in bytes.
    final let kind: UVHandleKind
    @safe @exclusivity(unchecked) private(set) final var phase = Phase.open
    /// Set while the loop's ready queue or its corked list refers to this object: see `finishClose`.
    @safe @exclusivity(unchecked) final var isAwaitingTurn = false
    @safe @exclusivity(unchecked) final var isCorked = false

    /// Allocates libuv's memory for this kind and registers it with the loop.
    ///
    /// - Throws: what libuv's init call reported; nothing is left registered then.
    init(
        kind: UVHandleKind, type: uv_handle_type, loop: UVLoop,
        register: (UnsafeMutablePointer<uv_loop_t>, UnsafeMutableRawPointer) -> Int32
    ) throws(UVError) {
        self.kind = kind
        self.uvLoop = loop
        // libuv tells the size; freed below if registering fails, else in the close callback.
        unsafe memory = UnsafeMutableRawPointer.allocate(
            byteCount: uv_handle_size(type), alignment: MemoryLayout<UInt>.alignment)
        let status = unsafe register(loop.raw, memory)
        guard status >= 0 else {
            unsafe memory.deallocate()
            phase = .closed
            throw UVError(status: status)
        }
        super.init()
        // The loop's own reference to this object, given back in the close callback.
        unsafe raw(as: uv_handle_t.self).pointee.data = Unmanaged.passRetained(self).toOpaque()
        loop.handleOpened(kind)
    }

    /// libuv's memory as the type a call wants; every libuv handle begins with `uv_handle_t`.
    final func raw<T>(as type: T.Type) -> UnsafeMutablePointer<T> {
        // Using the memory after the close callback would be a use after free: refuse it.
        precondition(phase != .closed, "a closed \(kind) handle was used")
        return unsafe memory.assumingMemoryBound(to: type)
    }

    /// Begins to close the handle; its callbacks stop now. Closing again does nothing.
    final func close() {
        guard phase == .open else { return }
        phase = .closing
        // The handle is open, so libuv has not seen a close of it yet.
        unsafe uv_close(raw(as: uv_handle_t.self)) { handle in
            unsafe UVHandle.taken(from: handle).finishClose()
        }
    }

    /// Closes the handle because its loop is stopping; kinds that owe somebody an answer override it.
    func closeForced() {
        close()
    }

    /// Runs on the loop when the handle is closed and its memory gone.
    func didClose() {}

    /// Runs on the loop when nobody refers to the handle's public face any more.
    override func didLoseLastUser() {
        close()
    }

    /// The turn a handle asked for by putting itself in the ready queue.
    func takeTurn() {}

    /// The flush a handle asked for by putting itself in the list of corked ones.
    func flushCorked() {}

    private final func finishClose() {
        unsafe memory.deallocate()
        phase = .closed
        uvLoop.handleClosed(kind)
        didClose()
        // The queues hold no references of their own: one more turn is owed before this may go.
        if isAwaitingTurn || isCorked { uvLoop.keepUntilTurn(self) }
        uvLoop.needsTurn()
    }

    /// The object behind a handle, with the loop's reference given up.
    private static func taken(from handle: UnsafeMutablePointer<uv_handle_t>?) -> UVHandle {
        // `data` was set in init and is cleared nowhere; this runs once, in the close callback.
        unsafe Unmanaged<UVHandle>.fromOpaque(handle!.pointee.data).takeRetainedValue()
    }
}
