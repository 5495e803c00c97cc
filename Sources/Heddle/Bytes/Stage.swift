/// Where bytes for handlers wait from the poll to the stream's turn, a moment later: they are shown to the
/// handler and gone, so nothing counts references to them. Owned by one loop, which frees it; used on its thread.
///
/// A plain pointer for the reason `TurnQueues` is one.
// Unsafe: `state` and what it points to live until `destroy`; offsets handed out stay below the size.
@safe struct Stage {
    /// What all streams together may have waiting: a part of the processor's cache.
    static let stageBytes = 64 * 1024
    /// With less room than this, bytes are left in the kernel until the stream's turn.
    static let leastRoomBytes = 8 * 1024
    /// The most that one read in a stream's turn may bring.
    static let turnBytes = 128 * 1024
    /// The kernel copies faster to and from whole pages: 3 % of a 64 KiB echo.
    static let alignment = 4096

    // Its pointers are used by the stage alone.
    @safe private struct State {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: stageBytes, alignment: alignment)
        let turn = UnsafeMutableRawPointer.allocate(byteCount: turnBytes, alignment: alignment)
        var used = 0
        var pieces = 0
    }

    // Valid from `init` to `destroy`.
    private let state: UnsafeMutablePointer<State>

    init() {
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: State())
    }

    func destroy() {
        unsafe state.pointee.memory.deallocate()
        unsafe state.pointee.turn.deallocate()
        unsafe state.deallocate()
    }

    /// Memory for one read; empty when too much waits already.
    @inline(__always)
    func lend() -> UnsafeMutableRawBufferPointer {
        let used = unsafe state.pointee.used
        let room = Self.stageBytes &- used
        if room < Self.leastRoomBytes {
            return unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
        }
        return unsafe UnsafeMutableRawBufferPointer(start: state.pointee.memory + used, count: room)
    }

    /// Keeps the first `count` bytes of what was lent last until `drop`; where they begin.
    @inline(__always)
    func keep(_ count: Int) -> Int {
        let start = unsafe state.pointee.used
        unsafe state.pointee.used = start &+ count
        unsafe state.pointee.pieces &+= 1
        return start
    }

    /// A piece that was kept, valid until it is dropped.
    @inline(__always)
    func piece(at start: Int, count: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: state.pointee.memory + start, count: count)
    }

    /// Lets one piece go. When all have gone, the stage is used from its front again.
    @inline(__always)
    func drop() {
        unsafe state.pointee.pieces &-= 1
        if unsafe state.pointee.pieces == 0 { unsafe state.pointee.used = 0 }
    }

    /// Memory for a read in a stream's turn, whose bytes are gone when the next begins.
    @inline(__always)
    var turn: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: state.pointee.turn, count: Self.turnBytes)
    }
}
