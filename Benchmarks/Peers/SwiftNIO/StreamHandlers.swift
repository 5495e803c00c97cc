import NIOCore

/// The bytes that sources send: byte number k is k modulo 256.
let block = ByteBuffer(bytes: (0..<64 * 1024).map { UInt8(truncatingIfNeeded: $0) })

/// Sends blocks for as long as the channel takes them.
final class SourceHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        send(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        send(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func send(_ context: ChannelHandlerContext) {
        guard context.channel.isActive, context.channel.isWritable else { return }
        // The water marks end this: a full channel is not writable.
        while context.channel.isWritable { context.write(wrapOutboundOut(block), promise: nil) }
        context.flush()
    }
}

/// Counts the input; at its end answers with the count and closes.
final class SinkHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private var count = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        count += unwrapInboundIn(data).readableBytes
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed = event as? ChannelEvent else { return }
        let answer = wrapOutboundOut(ByteBuffer(string: "\(count)\n"))
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(answer).whenComplete { _ in bound.value.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
