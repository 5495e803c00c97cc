internal import CLibuv
internal import Glibc

/// What `UVProcess` starts: texts without NUL, and the descriptors of the child's first three.
struct UVSpawn {
    var file: String
    /// With the program's own name as the first.
    var arguments: [String]
    /// `KEY=value` each; nil for this process's own.
    var environment: [String]?
    var workingDirectory: String?
    var userID: UInt32?
    var groupID: UInt32?
    var startsSession = false
    /// The process group to join, 0 for a new one; nil for this process's, or the session's.
    var processGroup: Int32?
    /// The caller's, who keeps them open during the call; nil for /dev/null.
    var descriptors: [Int32?]
}

/// A child process, from its start until it has been waited for. Belongs to its loop, which waits for it
/// when SIGCHLD comes, or by the child's own descriptor (pidfd_open(2)) if it was put into a process group.
///
/// A handle closed while its child lives would leave a zombie, so nothing here closes it before
/// `didExit`, except what the subclass does when its loop ends.
// Unsafe: the handle's memory has the type its libuv calls want, and finds this object in `data`; what
// libuv is passed to start a child it uses during the call only.
class UVProcess: UVHandle {
    /// The child's number, which no other process has before it was waited for.
    private(set) final var processID: Int32 = -1

    /// The descriptor of the child that was not started by libuv, readable when that has ended; or -1.
    private final var watched: Int32 = -1

    /// Starts the child: blocks for as long as fork(2) and execve(2) take.
    ///
    /// - Throws: what the system said of that, for example `ENOENT`. The handle closes itself then.
    init(loop: UVLoop, _ spawn: UVSpawn) throws(UVError) {
        if spawn.processGroup != nil {
            let (process, descriptor) = try Self.startInGroup(spawn)
            do throws(UVError) {
                try unsafe super.init(kind: .process, type: UV_POLL, loop: loop) {
                    unsafe uv_poll_init(
                        $0, $1.assumingMemoryBound(to: uv_poll_t.self), descriptor)
                }
            } catch {
                Self.end(process)
                _ = Glibc.close(descriptor)
                throw error
            }
            processID = process
            watched = descriptor
            try watchEnd()
            return
        }
        var status: Int32 = 0
        var started: Int32 = 0
        try unsafe super.init(kind: .process, type: UV_PROCESS, loop: loop) { loop, memory in
            let handle = unsafe memory.assumingMemoryBound(to: uv_process_t.self)
            unsafe status = Self.spawn(spawn, loop, handle)
            if status >= 0 { unsafe started = handle.pointee.pid }
            // Also a failed uv_spawn registers its handle, which must be closed like any other.
            return 0
        }
        guard status >= 0 else {
            close()
            throw UVError(status: status)
        }
        processID = started
    }

    /// Begins to wait for the end of a child that libuv did not start.
    private func watchEnd() throws(UVError) {
        let status = unsafe uv_poll_start(raw(as: uv_poll_t.self), Int32(UV_READABLE.rawValue)) {
            handle, _, _ in
            let owner = unsafe Unmanaged<UVProcess>.fromOpaque(handle!.pointee.data)
            unsafe owner._withUnsafeGuaranteedRef { $0.mayHaveExited() }
        }
        guard status < 0 else { return }
        Self.end(processID)
        close()
        throw UVError(status: status)
    }

    private func mayHaveExited() {
        guard phase == .open else { return }
        var word: Int32 = 0
        // The system writes into the local during the call only.
        let waited = unsafe waitpid(processID, &word, WNOHANG)
        if waited == processID {
            didExit(status: Int64(word >> 8 & 0xFF), signal: word & 0x7F)
        } else if waited < 0, errno == ECHILD {
            wasTaken()
        }
    }

    override func didClose() {
        if watched >= 0 { _ = Glibc.close(watched) }
    }

    /// Runs on the loop when a child that libuv did not start has ended, and other code has waited for it.
    func wasTaken() {}

    /// Runs on the loop when the child has ended and was waited for: its number may be another's now.
    func didExit(status: Int64, signal: Int32) {}
}
