internal import Glibc
public import SystemPackage

// Sendable: as its superclass; nothing is stored here.
/// One end of a pipe, or another descriptor that carries bytes and need not be a socket: a ``ByteStream`` that
/// mostly goes one way.
///
/// Reading from an end that is for writing, and the other way round, throws ``IOError/Code/invalidArgument``.
/// ``ByteStream/shutdownWrite()`` closes an end that is for writing: its reader comes to the end of the input. A write
/// whose reader has gone throws ``IOError/Code/broken``, unless the program handles SIGPIPE itself (signal(7)):
/// then it gets that too.
public final class PipeStream: ByteStream, @unchecked Sendable {
    /// Which way a pipe that is opened goes.
    public enum Direction: Sendable, Hashable {
        /// Bytes come out of it.
        case reading
        /// Bytes go into it.
        case writing
    }

    /// The two ends of an anonymous pipe.
    public struct Ends: Sendable {
        /// What comes out of the pipe.
        public let reading: PipeStream
        /// What goes into it.
        public let writing: PipeStream
    }

    init(pipe: PipeCore) {
        super.init(core: pipe)
    }

    /// Makes an anonymous pipe, both of whose ends are streams on `loop` (pipe(2)). The kernel holds up to 64 KiB
    /// between them.
    ///
    /// - Throws: ``IOError`` with ``IOError/Code/resourcesExhausted``, ``IOError/Code/invalidArgument`` for limits out
    ///   of order, ``IOError/Code/loopStopped``.
    public static func pipe(
        on loop: EventLoop, limits: StreamLimits = StreamLimits()
    ) async throws -> Ends {
        try limits.validate()
        let core = loop.core
        return try await core.hop { try makePipe(on: core, limits) }
    }

    private static func makePipe(on core: LoopCore, _ limits: StreamLimits) throws -> Ends {
        var ends: [Int32] = [-1, -1]
        // The system writes into the local during the call only.
        guard unsafe LinuxCalls.makePipe(&ends) == 0 else {
            throw IOError(errno: errno, "make a pipe")
        }
        let reading: PipeCore
        do {
            reading = try PipeCore.opening(
                PipeDescriptor(descriptor: ends[0], name: "a pipe", directions: .reading),
                on: core, limits: limits)
        } catch {
            Glibc.close(ends[1])
            throw error
        }
        let first = PipeStream(pipe: reading)
        let writing = try PipeCore.opening(
            PipeDescriptor(descriptor: ends[1], name: "a pipe", directions: .writing),
            on: core, limits: limits)
        return Ends(reading: first, writing: PipeStream(pipe: writing))
    }

    /// Makes a stream of an open descriptor: an end of a pipe, a terminal, a socket. The stream owns it from here
    /// on and closes it, also when this fails because the loop refuses work.
    ///
    /// Whether reads and writes wait is a property of the open file description, which other processes may share.
    /// A pipe without a name, and a terminal, is therefore opened anew where the system lets one (proc(5)), and
    /// nobody else notices; of anything else the flag is put back when the stream has closed.
    ///
    /// - Throws: ``IOError`` with ``IOError/Code/invalidArgument`` if it is not open, or leads to a file or device that
    ///   nobody can wait for; ``IOError/Code/wrongFileType`` for a folder; the descriptor is left alone then.
    ///   ``IOError/Code/loopStopped``.
    public static func adopting(
        descriptor: Int32, on loop: EventLoop, limits: StreamLimits = StreamLimits()
    ) async throws -> PipeStream {
        try limits.validate()
        let name = "descriptor \(descriptor)"
        let core = loop.core
        return try await core.hop {
            let source = try PipeDescriptor.borrowing(descriptor, name: name)
            guard PipeDescriptor.canWait(for: descriptor) else {
                source.abandon()
                throw IOError(
                    .invalidArgument, "open", on: name,
                    reason: "a file or device, which no one can wait for: see File")
            }
            Glibc.close(descriptor)
            return PipeStream(pipe: try PipeCore.opening(source, on: core, limits: limits))
        }
    }

    /// How often a pipe without a reader is looked at: the kernel tells nobody when one comes.
    static let openingInterval: Duration = .milliseconds(20)

    /// Opens a named pipe (fifo(7)).
    ///
    /// For reading, it returns at once, and the first read waits for a writer; when the last writer has closed, the
    /// input has ended. For writing, it waits until somebody reads: bound that with ``withTimeout(_:_:_:)``.
    ///
    /// - Throws: ``IOError`` that names the path, with ``IOError/Code/notFound``, ``IOError/Code/permissionDenied``,
    ///   ``IOError/Code/wrongFileType`` if it is no pipe, ``IOError/Code/invalidArgument`` for a path that is empty, too
    ///   long, or has a NUL; `CancellationError`; ``IOError/Code/loopStopped``. Nothing is left open then.
    public static func open(
        _ path: FilePath, for direction: Direction, on loop: EventLoop,
        limits: StreamLimits = StreamLimits()
    ) async throws -> PipeStream {
        try limits.validate()
        let core = loop.core
        return try await core.hop {
            while true {
                if let stream = try openNow(path, for: direction, on: core, limits) {
                    return stream
                }
                try await loop.clock.sleep(for: openingInterval)
            }
        }
    }

    /// Nil if nobody reads yet.
    private static func openNow(
        _ path: FilePath, for direction: Direction, on core: LoopCore, _ limits: StreamLimits
    ) throws -> PipeStream? {
        let flags = O_NONBLOCK | O_CLOEXEC | O_NOCTTY
        let access = direction == .reading ? O_RDONLY : O_WRONLY
        try path.checkIsUsable(for: "open")
        // The text lives for the call, here and below. Not `string`: a path need not be UTF-8.
        let descriptor = unsafe path.withPlatformString { unsafe Glibc.open($0, access | flags) }
        var status = stat()
        guard descriptor >= 0 else {
            let number = errno
            // Sockets say so as well, for ever.
            if number == ENXIO, unsafe path.withPlatformString({ unsafe stat($0, &status) }) == 0,
                status.st_mode & S_IFMT == S_IFIFO
            {
                return nil
            }
            throw IOError(
                number == ENXIO ? .wrongFileType : nil, "open", on: path.string,
                UVError(status: -number))
        }
        // The system writes into the local during the call only.
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else {
            Glibc.close(descriptor)
            throw IOError(.wrongFileType, "open", on: path.string, reason: "it is no pipe")
        }
        let source = PipeDescriptor(
            descriptor: descriptor, name: path.string,
            directions: direction == .reading ? .reading : .writing)
        return PipeStream(pipe: try PipeCore.opening(source, on: core, limits: limits))
    }
}
