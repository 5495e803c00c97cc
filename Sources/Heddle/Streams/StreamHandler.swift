/// The synchronous face of a stream: protocol code that is called when something happened, at the cost
/// of a C callback.
///
/// One handler object serves one stream. Every method is called on the stream's loop, never from inside
/// another call of the same handler, and never concurrently. A handler must not block: the other
/// streams of the loop wait for it. An error thrown ends its own connection only; a server reports it.
public protocol StreamHandler: AnyObject {
    /// The stream is connected. Called first, once.
    func opened(_ stream: SynchronousStream) throws

    /// Bytes arrived. The span is valid during the call; what is to be kept must be copied.
    ///
    /// Not called while the stream's unsent bytes are above the high-water mark.
    func received(_ bytes: RawSpan, on stream: SynchronousStream) throws

    /// The peer has sent everything. By default the stream is closed once everything written is sent.
    func inputEnded(on stream: SynchronousStream) throws

    /// The unsent bytes fell from above the high-water mark to the low-water mark.
    func drained(_ stream: SynchronousStream) throws

    /// The stream has closed; nothing is called after this.
    ///
    /// - Parameter error: why, unless this side closed it or the peer ended it in order.
    func closed(_ error: (any Error)?)
}

extension StreamHandler {
    /// Does nothing.
    public func opened(_ stream: SynchronousStream) throws {}
    /// Closes the stream once everything written is sent.
    public func inputEnded(on stream: SynchronousStream) throws { stream.close() }
    /// Does nothing.
    public func drained(_ stream: SynchronousStream) throws {}
    /// Does nothing.
    public func closed(_ error: (any Error)?) {}
}
