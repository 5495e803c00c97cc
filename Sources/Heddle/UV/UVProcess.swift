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
    /// The caller's, who keeps them open during the call; nil for /dev/null.
    var descriptors: [Int32?]
}

/// A child process, from its start until it has been waited for. Belongs to its loop, which waits for it
/// when SIGCHLD comes.
///
/// A handle closed while its child lives would leave a zombie, so nothing here closes it before
/// `didExit`, except what the subclass does when its loop ends.
// Unsafe: the handle's memory has the type its libuv calls want, and finds this object in `data`; what
// libuv is passed to start a child it uses during the call only.
class UVProcess: UVHandle {
    /// The child's number, which no other process has before it was waited for.
    private(set) final var processID: Int32 = -1

    /// Starts the child: blocks for as long as fork(2) and execve(2) take.
    ///
    /// - Throws: what the system said of that, for example `ENOENT`. The handle closes itself then.
    init(loop: UVLoop, _ spawn: UVSpawn) throws(UVError) {
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

    private static func spawn(
        _ spawn: UVSpawn, _ loop: UnsafeMutablePointer<uv_loop_t>,
        _ handle: UnsafeMutablePointer<uv_process_t>
    ) -> Int32 {
        var arguments = unsafe spawn.arguments.map { unsafe strdup($0) } + [nil]
        var environment = unsafe (spawn.environment ?? []).map { unsafe strdup($0) } + [nil]
        defer { unsafe (arguments + environment).forEach { unsafe free($0) } }
        var stdio = unsafe spawn.descriptors.map { descriptor in
            var container = unsafe uv_stdio_container_t()
            unsafe container.flags = descriptor == nil ? UV_IGNORE : UV_INHERIT_FD
            if let descriptor { unsafe container.data.fd = descriptor }
            return unsafe container
        }
        var options = unsafe uv_process_options_t()
        unsafe options.flags = flags(of: spawn)
        unsafe options.uid = spawn.userID ?? 0
        unsafe options.gid = spawn.groupID ?? 0
        unsafe options.stdio_count = Int32(stdio.count)
        unsafe options.exit_cb = { handle, status, signal in
            let owner = unsafe Unmanaged<UVProcess>.fromOpaque(handle!.pointee.data)
            unsafe owner._withUnsafeGuaranteedRef { $0.didExit(status: status, signal: signal) }
        }
        // All that is pointed to lives until the call is over.
        return unsafe arguments.withUnsafeMutableBufferPointer { arguments in
            unsafe environment.withUnsafeMutableBufferPointer { environment in
                unsafe stdio.withUnsafeMutableBufferPointer { stdio in
                    unsafe withCString(spawn.workingDirectory) { directory in
                        unsafe spawn.file.withCString { file in
                            unsafe options.file = file
                            unsafe options.args = arguments.baseAddress
                            unsafe options.env =
                                spawn.environment == nil ? nil : environment.baseAddress
                            unsafe options.cwd = directory
                            unsafe options.stdio = stdio.baseAddress
                            return unsafe uv_spawn(loop, handle, &options)
                        }
                    }
                }
            }
        }
    }

    private static func flags(of spawn: UVSpawn) -> UInt32 {
        var flags: UInt32 = 0
        if spawn.userID != nil { flags |= UV_PROCESS_SETUID.rawValue }
        if spawn.groupID != nil { flags |= UV_PROCESS_SETGID.rawValue }
        if spawn.startsSession { flags |= UV_PROCESS_DETACHED.rawValue }
        return flags
    }

    private static func withCString(
        _ text: String?, _ body: (UnsafePointer<CChar>?) -> Int32
    ) -> Int32 {
        // Lent for the call only.
        guard let text else { return body(nil) }
        return unsafe text.withCString { unsafe body($0) }
    }

    /// Runs on the loop when the child has ended and was waited for: its number may be another's now.
    func didExit(status: Int64, signal: Int32) {}
}
