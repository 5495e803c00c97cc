import NIOCore
import NIOPosix

/// Connects to the backend, then glues the two channels together.
final class ConnectHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    private let host: String
    private let port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    func channelActive(context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        ClientBootstrap(group: context.eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.autoRead, value: false)
            .connect(host: host, port: port)
            .assumeIsolated()
            .whenComplete { result in
                let front = bound.value
                guard case .success(let back) = result else {
                    return front.close(promise: nil)
                }
                let (mine, theirs) = (GlueHandler(), GlueHandler())
                mine.partner = theirs
                theirs.partner = mine
                try? back.pipeline.syncOperations.addHandler(theirs)
                try? front.pipeline.syncOperations.addHandler(mine)
                front.pipeline.syncOperations.removeHandler(self, promise: nil)
                mine.begin()
                theirs.begin()
            }
    }
}

/// One side of a proxied connection: what it reads, its partner writes. It reads only while that can.
final class GlueHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    var partner: GlueHandler?
    private var context: ChannelHandlerContext?
    private var hasPendingRead = false

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        partner = nil
    }

    func begin() { context?.read() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        partner?.context?.write(data, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        partner?.context?.flush()
        read(context: context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        partner?.context?.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable, let partner, partner.hasPendingRead else { return }
        partner.hasPendingRead = false
        partner.context?.read()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func read(context: ChannelHandlerContext) {
        if partner?.context?.channel.isWritable == true {
            context.read()
        } else {
            hasPendingRead = true
        }
    }
}
