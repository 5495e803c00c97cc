import NIOCore
import NIOPosix

/// A server of ChannelHandlers, one pipeline for each connection.
struct HandlerServer {
    let group: MultiThreadedEventLoopGroup
    let arguments: Arguments

    func bind() -> EventLoopFuture<any Channel> {
        let (mode, backend) = (arguments.mode, arguments.backend)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: mode == .sink)
            .childChannelOption(.autoRead, value: mode != .proxy)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    switch mode {
                    case .echo:
                        try pipeline.addHandler(EchoHandler())
                    case .lines:
                        try pipeline.addHandler(ByteToMessageHandler(LineDecoder()))
                        try pipeline.addHandler(EchoHandler())
                    case .source: try pipeline.addHandler(SourceHandler())
                    case .sink: try pipeline.addHandler(SinkHandler())
                    case .proxy:
                        try pipeline.addHandler(
                            ConnectHandler(host: backend.host, port: backend.port))
                    case .udpEcho: preconditionFailure("a DatagramServer's")
                    }
                }
            }
        if let path = arguments.path { return bootstrap.bind(unixDomainSocketPath: path) }
        return bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .bind(host: arguments.address.host, port: arguments.address.port)
    }
}

/// Writes back what comes, and flushes once for everything that one read brought.
final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.write(data, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// Cuts the input into lines, their ends included.
struct LineDecoder: NIOSingleStepByteToMessageDecoder {
    typealias InboundOut = ByteBuffer

    mutating func decode(buffer: inout ByteBuffer) throws -> ByteBuffer? {
        guard let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else {
            return nil
        }
        return buffer.readSlice(length: end - buffer.readerIndex + 1)
    }

    mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> ByteBuffer? {
        try decode(buffer: &buffer)
    }
}
