/// A child process: a program that runs beside this one, and ends before its loop does.
///
/// It belongs to one loop, which waits for it when it ends, so it never stays a zombie. Its methods may be
/// called from any task on any thread. Dropping the last reference terminates it: SIGTERM, and SIGKILL after
/// ``Configuration/terminationGrace``. A stop of the loop lets it run until the grace of the stop has passed,
/// terminates it then, kills it a quarter of a second later, and waits for it.
///
/// Mostly ``run(_:on:_:)`` is what you want, at whose end the process has ended too.
public final class ChildProcess: Sendable {
    /// A stream to or from a child. It carries bytes both ways below, so half of it is idle: write to
    /// ``ChildProcess/standardInput``, read from the others.
    public typealias Stream = ByteStream

    /// The system's number of the process. Another process may have it once this one has ended.
    public let processID: Int32
    /// What the process reads, if that was to be a stream: what is written here. Closing it, or
    /// ``ByteStream/shutdownWrite()``, is the end of its input.
    public let standardInput: Stream?
    /// What the process writes, if that was to be a stream.
    public let standardOutput: Stream?
    /// What the process writes as errors, if that was to be a stream.
    public let standardError: Stream?
    let core: ChildCore

    private init(_ core: ChildCore, _ streams: ChildStreams) {
        self.core = core
        processID = core.processID
        standardInput = streams.input
        standardOutput = streams.output
        standardError = streams.error
    }

    deinit {
        core.loop.drop(core)
    }

    /// Starts a process on `loop`.
    ///
    /// Blocks the loop for as long as the system takes to make a process, less than a millisecond for a small
    /// program, and the longer the more memory this one has (fork(2)). The process gets the standard streams
    /// and what is not closed on exec, the default action of every signal, and no blocked signals. This process
    /// ignores SIGCHLD no more, if it did: it would not learn how its children end.
    ///
    /// - Throws: ``IOError`` with ``IOError/Code/notFound`` if there is no such program or working folder,
    ///   ``IOError/Code/permissionDenied``, ``IOError/Code/invalidArgument`` for a text with a NUL byte, a name
    ///   of a variable that is none, a limit out of bounds, a descriptor that is not open;
    ///   ``IOError/Code/resourcesExhausted``, ``IOError/Code/loopStopped``. `CancellationError` if the task
    ///   is cancelled already. Nothing is started or left open then.
    public static func spawn(
        _ configuration: Configuration, on loop: EventLoop
    ) async throws -> ChildProcess {
        try Task.checkCancellation()
        let core = loop.core
        guard core.isCurrent else {
            return try await core.hop { try start(configuration, on: core) }
        }
        return try start(configuration, on: core)
    }

    private static func start(
        _ configuration: Configuration, on loop: LoopCore
    ) throws -> ChildProcess {
        let spawn = try ChildSpawn(configuration)
        guard !loop.isRefusingWork else {
            throw loop.stoppedError("start", on: configuration.executable.text)
        }
        var streams = ChildStreams(configuration, on: loop)
        defer { streams.closeChildSides() }
        do {
            let request = spawn.request(descriptors: try streams.open())
            return ChildProcess(try ChildCore(configuration, request, on: loop), streams)
        } catch {
            streams.abandon()
            guard let error = error as? UVError else { throw error }
            throw spawn.error(error)
        }
    }

    /// Waits until the process has ended. Any number of tasks may; later they get the same.
    ///
    /// - Returns: how it ended, whatever that was.
    /// - Throws: `CancellationError` when the waiting task is cancelled, and the process runs on;
    ///   ``IOError/Code/timedOut`` if it was ended because of ``Configuration/timeout``;
    ///   ``IOError/Code/loopStopped`` if its loop ended and it cannot be told how the process did;
    ///   ``IOError/Code/system`` if other code has waited for a process in a group (waitpid(2)), and so knows.
    public func wait() async throws -> TerminationStatus {
        let core = core
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await core.wait() }
        }
        return try await core.wait()
    }

    /// Sends a signal to the process.
    ///
    /// - Parameters:
    ///   - signal: any; ``ProcessSignal/kill`` cannot be prevented by it.
    ///   - toProcessGroup: to all of its process group, so to what it has started itself and left there too. It
    ///     must have been put into one: see ``Configuration/processGroupID`` and ``Configuration/createSession``.
    /// - Throws: ``IOError/Code/closed`` once it has ended, ``IOError/Code/permissionDenied`` if it has
    ///   another user now, ``IOError/Code/invalidArgument`` for no signal and no group but that of this process.
    public func send(_ signal: ProcessSignal, toProcessGroup: Bool = false) async throws {
        let core = core
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try core.send(signal, toGroup: toProcessGroup) }
        }
        try core.send(signal, toGroup: toProcessGroup)
    }

    /// Ends the process: SIGTERM, and SIGKILL if it has not ended within `grace`, both to its whole group if it
    /// leads one. Returns when it has ended, and what it has left in its group too or SIGKILL was sent there; does
    /// not end early when the task is cancelled.
    ///
    /// - Parameter grace: nil for ``Configuration/terminationGrace``; zero kills at once. Of several the one
    ///   that ends first counts.
    public func terminate(within grace: Duration? = nil) async {
        let core = core
        guard core.loop.isCurrent else {
            // Hopping throws only what its body does, and that throws nothing.
            try? await core.loop.hop { await core.terminateAndWait(within: grace) }
            return
        }
        await core.terminateAndWait(within: grace)
    }
}

extension ChildProcess: CustomStringConvertible {
    /// `ChildProcess(`, the program's name and its process `)`.
    public var description: String { "ChildProcess(\(core.subject))" }
}
