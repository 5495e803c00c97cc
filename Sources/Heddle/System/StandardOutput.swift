internal import Glibc

// Sendable: as its superclass; nothing is stored here.
/// The standard output of the process as a ``ByteStream``, whatever it is: a terminal, a pipe, a socket, a file.
///
/// Writing waits on the loop for nobody, with one exception: into a file it takes as long as the system needs to copy
/// the bytes, as in any program. Close it at the end, which sends what was written and tells what could not be sent: a
/// program that ends without that loses it. Descriptor 1 itself is left open, and others that share it notice nothing
/// once this is closed (see ``PipeStream/adopting(descriptor:on:limits:)``).
public final class StandardOutput: ByteStream, @unchecked Sendable {
    private init(pipe: PipeCore) {
        super.init(core: pipe)
    }

    /// Begins to use the standard output, on `loop`. One at a time in the process; `print` is not
    /// kept from it, and its text comes between.
    ///
    /// - Throws: ``IOError`` with ``IOError/Code/busy`` while another use has not been closed,
    ///   ``IOError/Code/invalidArgument`` if descriptor 1 is closed or open for reading alone, or for limits out
    ///   of order; ``IOError/Code/wrongFileType`` for what takes no bytes; ``IOError/Code/resourcesExhausted``,
    ///   ``IOError/Code/loopStopped``.
    public static func open(
        on loop: EventLoop, limits: StreamLimits = StreamLimits()
    ) async throws -> StandardOutput {
        try await open(.output, on: loop, limits: limits)
    }

    static func open(
        _ stream: StandardStream, on loop: EventLoop, limits: StreamLimits = StreamLimits()
    ) async throws -> StandardOutput {
        try limits.validate()
        let core = loop.core
        return try await core.hop {
            StandardOutput(pipe: try PipeCore.opening(stream.borrow(), on: core, limits: limits))
        }
    }
}
