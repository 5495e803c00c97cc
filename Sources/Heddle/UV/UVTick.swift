internal import CLibuv

/// What a loop does around its poll; called by `UVTick`.
protocol UVTickClient: AnyObject {
    func beforePoll()
    func afterPoll()
}

/// The three handles that give a loop its turn: prepare runs before the poll, check after it, and
/// idle, while switched on, keeps the poll from blocking. Owned by the loop they belong to.
final class UVTick {
    private let prepare: UVPhase
    private let check: UVPhase
    private let idle: UVPhase

    /// Whether the poll returns at once because work is left.
    @safe @exclusivity(unchecked) private(set) var isSpinning = false

    init(loop: UVLoop, client: any UVTickClient) throws(UVError) {
        idle = try unsafe UVPhase(kind: .idle, type: UV_IDLE, loop: loop) {
            unsafe uv_idle_init($0, $1.assumingMemoryBound(to: uv_idle_t.self))
        }
        prepare = try unsafe UVPhase(kind: .prepare, type: UV_PREPARE, loop: loop) {
            unsafe uv_prepare_init($0, $1.assumingMemoryBound(to: uv_prepare_t.self))
        }
        check = try unsafe UVPhase(kind: .check, type: UV_CHECK, loop: loop) {
            unsafe uv_check_init($0, $1.assumingMemoryBound(to: uv_check_t.self))
        }
        unsafe prepare.client = client
        unsafe check.client = client
        unsafe uv_prepare_start(prepare.raw(as: uv_prepare_t.self)) { handle in
            let owner = unsafe Unmanaged<UVPhase>.fromOpaque(handle!.pointee.data)
            unsafe owner._withUnsafeGuaranteedRef { unsafe $0.client.unsafelyUnwrapped.beforePoll() }
        }
        unsafe uv_check_start(check.raw(as: uv_check_t.self)) { handle in
            let owner = unsafe Unmanaged<UVPhase>.fromOpaque(handle!.pointee.data)
            unsafe owner._withUnsafeGuaranteedRef { unsafe $0.client.unsafelyUnwrapped.afterPoll() }
        }
    }

    /// Switches the idle handle, so that the next poll returns at once or may block.
    func setSpinning(_ spinning: Bool) {
        guard spinning != isSpinning else { return }
        isSpinning = spinning
        let handle = unsafe idle.raw(as: uv_idle_t.self)
        _ = unsafe spinning ? uv_idle_start(handle, { _ in }) : uv_idle_stop(handle)
    }

    func close() {
        prepare.close()
        check.close()
        idle.close()
    }
}

/// A prepare, check or idle handle with the client it calls.
private final class UVPhase: UVHandle {
    // The client is the loop, which owns this handle and outlives it.
    unowned(unsafe) var client: (any UVTickClient)?
}
