internal import Glibc

// Sendable: as its superclass; nothing is stored here.
/// The standard error of the process as a ``ByteStream``; in everything else as ``StandardOutput``.
///
/// Descriptor 2 itself is left open, and others that share it notice nothing once this is closed.
public final class StandardError: ByteStream, @unchecked Sendable {
    private init(pipe: PipeCore) {
        super.init(core: pipe)
    }

    /// Begins to use the standard error, on `loop`. One at a time in the process; who
    /// writes to descriptor 2 without it is not kept from it.
    ///
    /// - Throws: ``IOError`` with ``IOError/Code/busy`` while another use has not been closed,
    ///   ``IOError/Code/invalidArgument`` if descriptor 2 is closed or open for reading alone, or for limits out
    ///   of order; ``IOError/Code/wrongFileType`` for what takes no bytes; ``IOError/Code/resourcesExhausted``,
    ///   ``IOError/Code/loopStopped``.
    public static func open(
        on loop: EventLoop, limits: StreamLimits = StreamLimits()
    ) async throws -> StandardError {
        try await open(.error, on: loop, limits: limits)
    }

    static func open(
        _ stream: StandardStream, on loop: EventLoop, limits: StreamLimits = StreamLimits()
    ) async throws -> StandardError {
        try limits.validate()
        let core = loop.core
        return try await core.hop {
            StandardError(pipe: try PipeCore.opening(stream.borrow(), on: core, limits: limits))
        }
    }
}
