internal import CLibuv

/// What has turns around a loop's poll: the loop itself, which overrides `turn`.
class UVTickClient {
    func turn() {}
}

/// The three handles that give a loop its turn: check runs after the poll; prepare before it, but only
/// when something became ready outside the poll (a timer fired, a handle closed), since an active handle
/// costs each iteration; and idle, while switched on, keeps the poll from blocking. Owned by the loop they
/// belong to.
// Unsafe: each handle has memory of the type its libuv calls want, and finds itself in `data`.
final class UVTick {
    private let prepare: UVPhase
    private let check: UVPhase
    private let idle: UVPhase
    private var isPrepareArmed = false

    init(loop: UVLoop, client: UVTickClient) throws(UVError) {
        idle = try unsafe UVPhase(kind: .idle, type: UV_IDLE, loop: loop) {
            unsafe uv_idle_init($0, $1.assumingMemoryBound(to: uv_idle_t.self))
        }
        prepare = try unsafe UVPhase(kind: .prepare, type: UV_PREPARE, loop: loop) {
            unsafe uv_prepare_init($0, $1.assumingMemoryBound(to: uv_prepare_t.self))
        }
        check = try unsafe UVPhase(kind: .check, type: UV_CHECK, loop: loop) {
            unsafe uv_check_init($0, $1.assumingMemoryBound(to: uv_check_t.self))
        }
        unsafe prepare.client = Unmanaged.passUnretained(client)
        unsafe check.client = Unmanaged.passUnretained(client)
        unsafe uv_check_start(check.raw(as: uv_check_t.self)) { handle in
            let owner = unsafe Unmanaged<UVPhase>.fromOpaque(handle.unsafelyUnwrapped.pointee.data)
            unsafe owner._withUnsafeGuaranteedRef { $0.giveTurn() }
        }
        loop.tick = self
        // What is ready before the first iteration must not wait for the first event.
        armPrepare()
    }

    /// Gives the client a turn before the next poll: something became ready outside it.
    @inline(__always)
    func armPrepare() {
        if !isPrepareArmed { startPrepare() }
    }

    private func startPrepare() {
        guard prepare.phase == .open else { return }
        isPrepareArmed = true
        _ = unsafe uv_prepare_start(prepare.raw(as: uv_prepare_t.self)) { handle in
            let owner = unsafe Unmanaged<UVPhase>.fromOpaque(handle.unsafelyUnwrapped.pointee.data)
            let phase = unsafe owner.takeUnretainedValue()
            phase.uvLoop.tick?.stopPrepare()
            phase.giveTurn()
        }
    }

    private func stopPrepare() {
        isPrepareArmed = false
        _ = unsafe uv_prepare_stop(prepare.raw(as: uv_prepare_t.self))
    }

    /// Switches the idle handle, so that the next poll returns at once or may block.
    func setSpinning(_ spinning: Bool) {
        let handle = unsafe idle.raw(as: uv_idle_t.self)
        _ = unsafe spinning ? uv_idle_start(handle, { _ in }) : uv_idle_stop(handle)
    }

    func close() {
        prepare.uvLoop.tick = nil
        prepare.close()
        check.close()
        idle.close()
    }
}

/// A prepare, check or idle handle with the client it calls.
// Exclusivity: `client` is set once, before the handle starts.
@safe private final class UVPhase: UVHandle {
    // The client is the loop, which owns this handle and outlives it.
    @safe @exclusivity(unchecked) var client: Unmanaged<UVTickClient>?

    @inline(__always)
    func giveTurn() {
        unsafe client.unsafelyUnwrapped._withUnsafeGuaranteedRef { $0.turn() }
    }
}
