internal import CLibuv
internal import Glibc

/// How children begin: by calls of ours, as `heddle_spawn` of CLibuv tells.
// Unsafe: what is passed to start a child is used during the call only.
extension UVProcess {
    /// Starts a child.
    ///
    /// - Returns: its number, and the descriptor that tells of its end.
    static func start(
        _ spawn: UVSpawn
    ) throws(UVError) -> (process: Int32, descriptor: Int32) {
        let descriptors = spawn.descriptors.map { $0 ?? -1 }
        var descriptor: Int32 = -1
        let process = unsafe descriptors.withUnsafeBufferPointer { descriptors in
            unsafe withTexts(of: spawn) { file, arguments, environment, directory in
                var request = unsafe heddle_spawn(
                    file: file, arguments: arguments, environment: environment,
                    directory: directory, descriptors: descriptors.baseAddress,
                    count: Int32(descriptors.count), process_group: spawn.processGroup ?? -1,
                    starts_session: spawn.startsSession ? 1 : 0,
                    user: spawn.userID.map(Int64.init) ?? -1,
                    group: spawn.groupID.map(Int64.init) ?? -1)
                return unsafe heddle_start(&request, &descriptor)
            }
        }
        try UVError.check(process)
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
