import NIOCore
import NIOPosix

/// A socket that sends datagrams back. Many are received with one system call, and all that one round brought
/// are flushed together, for which SwiftNIO uses sendmmsg.
struct DatagramServer {
    /// Datagrams that one system call receives at most, and room for each.
    private static let batch = 64
    private static let datagramSize = 2048

    let group: MultiThreadedEventLoopGroup
    let arguments: Arguments

    func bind() -> EventLoopFuture<any Channel> {
        DatagramBootstrap(group: group)
            .channelOption(.datagramVectorReadMessageCount, value: Self.batch)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: Self.batch * Self.datagramSize)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramEchoHandler())
                }
            }
            .bind(host: arguments.address.host, port: arguments.address.port)
    }
}

/// Sends each envelope back: its address is the sender's.
final class DatagramEchoHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.write(data, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }
}
