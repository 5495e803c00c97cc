internal import CLibuv
internal import Glibc

/// How children begin: mostly by libuv, and in a process group of their own by calls of ours.
// Unsafe: what is passed to start a child is used during the call only.
extension UVProcess {
    static func spawn(
        _ spawn: UVSpawn, _ loop: UnsafeMutablePointer<uv_loop_t>,
        _ handle: UnsafeMutablePointer<uv_process_t>
    ) -> Int32 {
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
        return unsafe withTexts(of: spawn) { file, arguments, environment, directory in
            unsafe stdio.withUnsafeMutableBufferPointer { stdio in
                unsafe options.file = file
                unsafe options.args = arguments
                unsafe options.env = environment
                unsafe options.cwd = directory
                unsafe options.stdio = stdio.baseAddress
                return unsafe uv_spawn(loop, handle, &options)
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

    /// Starts a child in the process group that `spawn` names.
    ///
    /// - Returns: its number, and the descriptor that tells of its end.
    static func startInGroup(
        _ spawn: UVSpawn
    ) throws(UVError) -> (process: Int32, descriptor: Int32) {
        let descriptors = spawn.descriptors.map { $0 ?? -1 }
        let process = unsafe descriptors.withUnsafeBufferPointer { descriptors in
            unsafe withTexts(of: spawn) { file, arguments, environment, directory in
                var request = unsafe heddle_spawn(
                    file: file, arguments: arguments, environment: environment,
                    directory: directory, descriptors: descriptors.baseAddress,
                    count: Int32(descriptors.count), process_group: spawn.processGroup ?? 0,
                    user: spawn.userID.map(Int64.init) ?? -1,
                    group: spawn.groupID.map(Int64.init) ?? -1)
                return unsafe heddle_start(&request)
            }
        }
        try UVError.check(process)
        let descriptor = LinuxCalls.openProcess(process)
        guard descriptor >= 0 else {
            let error = UVError(status: -errno)
            // Other code may have waited for it: then the number is not ours to kill.
            if waitpid(process, nil, WNOHANG) == 0 { end(process) }
            throw error
        }
        return (process, descriptor)
    }

    /// Kills a child that nobody has heard of, and waits for it.
    static func end(_ process: Int32) {
        kill(process, SIGKILL)
        while waitpid(process, nil, 0) < 0, errno == EINTR {}
    }

    /// Lends the texts of `spawn` as C has them.
    private static func withTexts(
        of spawn: UVSpawn,
        _ body: (
            _ file: UnsafePointer<CChar>,
            _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
            _ environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
            _ directory: UnsafePointer<CChar>?
        ) -> Int32
    ) -> Int32 {
        var arguments = unsafe spawn.arguments.map { unsafe strdup($0) } + [nil]
        var environment = unsafe (spawn.environment ?? []).map { unsafe strdup($0) } + [nil]
        defer { unsafe (arguments + environment).forEach { unsafe free($0) } }
        return unsafe arguments.withUnsafeMutableBufferPointer { arguments in
            unsafe environment.withUnsafeMutableBufferPointer { environment in
                unsafe withCString(spawn.workingDirectory) { directory in
                    unsafe spawn.file.withCString { file in
                        unsafe body(
                            file, arguments.baseAddress,
                            spawn.environment == nil ? nil : environment.baseAddress, directory)
                    }
                }
            }
        }
    }

    private static func withCString(
        _ text: String?, _ body: (UnsafePointer<CChar>?) -> Int32
    ) -> Int32 {
        // Lent for the call only.
        guard let text else { return body(nil) }
        return unsafe text.withCString { unsafe body($0) }
    }
}
