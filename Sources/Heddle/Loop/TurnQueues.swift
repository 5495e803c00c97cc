/// What one loop has to do in its turns: the ready queue, the streams to flush at the end of the tick,
/// and who is parking. Owned by the loop, which frees it; streams hold copies of this reference.
///
/// A plain pointer, not an object: it is touched several times per request, and a reference count or an
/// exclusivity check for each would cost as much as the work. Used on the loop's thread alone.
// Unsafe: `state` is valid until `destroy`; who parks is held by the frame of the task that does.
@safe struct TurnQueues {
    // What it refers to is held elsewhere, as said at `setParking`.
    @safe private struct State: ~Copyable {
        var ready = ReadyQueue()
        var corked = ReadyQueue()
        var parking: Unmanaged<Waiter>?
        var turn: UInt32 = 0
    }

    // Valid from `init` to `destroy`, which the loop calls when nothing refers to it any more.
    private let state: UnsafeMutablePointer<State>

    init() {
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: State())
    }

    func destroy() {
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    // MARK: Turns

    /// Which turn of the loop this is: for what is bounded within each. Goes around.
    @inline(__always)
    var turn: UInt32 { unsafe state.pointee.turn }

    @inline(__always)
    func beginTurn() {
        unsafe state.pointee.turn &+= 1
    }

    // MARK: Ready items

    @inline(__always)
    var isIdle: Bool { unsafe state.pointee.ready.isEmpty && state.pointee.corked.isEmpty }

    @inline(__always)
    var hasReady: Bool { unsafe !state.pointee.ready.isEmpty }

    var readyCount: Int { unsafe state.pointee.ready.count }

    @inline(__always)
    func append(_ item: ReadyItem) {
        unsafe state.pointee.ready.append(item)
    }

    @inline(__always)
    func popReady() -> ReadyItem? {
        unsafe state.pointee.ready.popFirst()
    }

    /// Gives `handle` a turn outside libuv's callbacks; asking again before it came does nothing.
    @inline(__always)
    func giveTurn(to handle: UVHandle) {
        guard !handle.isAwaitingTurn else { return }
        handle.isAwaitingTurn = true
        unsafe state.pointee.ready.append(.handle(handle))
    }

    // MARK: Corked streams

    /// Has `handle` flushed at the end of this tick; asking again before it was does nothing.
    @inline(__always)
    func cork(_ handle: UVHandle) {
        guard !handle.isCorked else { return }
        handle.isCorked = true
        unsafe state.pointee.corked.append(.handle(handle))
    }

    @inline(__always)
    func popCorked() -> ReadyItem? {
        unsafe state.pointee.corked.popFirst()
    }

    // MARK: Parking

    /// Who parks next. Set right before the switch to the gate, on the same thread, with nothing in
    /// between; held by the frame of the task that parks.
    @inline(__always)
    func setParking(_ waiter: Waiter) {
        unsafe state.pointee.parking = Unmanaged.passUnretained(waiter)
    }

    @inline(__always)
    func holdParking(_ job: UnownedJob) {
        unsafe state.pointee.parking.unsafelyUnwrapped._withUnsafeGuaranteedRef {
            $0.hold(job, on: self)
        }
    }
}
