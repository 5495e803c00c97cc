internal import Glibc

// Sendable: as its superclass; nothing is stored here.
/// The standard input of the process as a ``ByteStream``, whatever it is: a terminal, a pipe, a socket, a file, nothing.
///
/// Descriptor 0 itself is left open, and others that share it notice nothing once this is closed (see
/// ``PipeStream/adopting(descriptor:on:limits:)``). Bytes are read ahead, as by every stream, up to
/// ``StreamLimits/unreadHighWater`` and a piece more; those that nobody took by the close are gone with it, and
/// later ones are left to who reads next. A file is read on libuv's worker pool, and comes through a pipe.
public final class StandardInput: ByteStream, @unchecked Sendable {
    private init(pipe: PipeCore) {
        super.init(core: pipe)
    }

    /// Begins to use the standard input, on `loop`. One at a time in the process; C's `stdin` and `readLine()` are
    /// not kept from it, and take bytes from it.
    ///
    /// - Throws: ``IOError`` with ``IOError/Code/busy`` while another use has not been closed,
    ///   ``IOError/Code/invalidArgument`` if descriptor 0 is closed or open for writing alone, or for limits out
    ///   of order; ``IOError/Code/wrongFileType`` for a folder and what else has no bytes to give;
    ///   ``IOError/Code/resourcesExhausted``, ``IOError/Code/loopStopped``.
    public static func open(
        on loop: EventLoop, limits: StreamLimits = StreamLimits()
    ) async throws -> StandardInput {
        try await open(.input, on: loop, limits: limits)
    }

    static func open(
        _ stream: StandardStream, on loop: EventLoop, limits: StreamLimits = StreamLimits()
    ) async throws -> StandardInput {
        try limits.validate()
        let core = loop.core
        return try await core.hop {
            let source = try stream.borrow()
            guard !PipeDescriptor.canWait(for: stream.number) else {
                return StandardInput(
                    pipe: try PipeCore.opening(source, on: core, limits: limits))
            }
            return StandardInput(pipe: try FileFeed.start(source, on: loop, limits: limits))
        }
    }

    /// The input as lines of text, to its end; as ``ByteStream/Inbound/lines``.
    public var lines: Inbound.Lines { inbound.lines }

    /// The same with a bound of one's own; as ``ByteStream/Inbound/lines(maximumBytes:)``.
    public func lines(maximumBytes: Int) -> Inbound.Lines {
        inbound.lines(maximumBytes: maximumBytes)
    }
}
