internal import CLibuv
internal import Glibc

/// What only streams of descriptors that are no sockets do.
extension UVStream {
    /// Takes over a descriptor, which becomes non-blocking; the stream owns it from here on, also on failure of
    /// anything later.
    final func open(pipe descriptor: Int32) throws(UVError) {
        try unsafe UVError.check(uv_pipe_open(raw(as: uv_pipe_t.self), descriptor))
        self.descriptor = descriptor
    }
}
