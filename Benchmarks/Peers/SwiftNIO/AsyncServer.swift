import NIOCore
import NIOPosix

/// A server of NIOAsyncChannels, one task for each connection.
struct AsyncServer: Sendable {
    typealias Client = NIOAsyncChannel<ByteBuffer, ByteBuffer>
    let group: MultiThreadedEventLoopGroup
    let arguments: Arguments

    func run(announce: @Sendable (any Channel) -> Void) async throws {
        let mode = arguments.mode
        let server = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: mode == .sink)
            .bind(host: arguments.address.host, port: arguments.address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if mode == .lines {
                        try channel.pipeline.syncOperations.addHandler(
                            ByteToMessageHandler(LineDecoder()))
                    }
                    return try Client(wrappingChannelSynchronously: channel)
                }
            }
        announce(server.channel)
        try await server.executeThenClose { clients in
            try await withThrowingDiscardingTaskGroup { tasks in
                for try await client in clients {
                    let loop = client.channel.eventLoop
                    let executor = arguments.style == .executor ? LoopExecutor(loop) : nil
                    tasks.addTask(executorPreference: executor) { await serve(client) }
                }
            }
        }
    }

    private func serve(_ client: Client) async {
        // What goes wrong with one connection is its peer's affair.
        try? await client.executeThenClose { inbound, outbound in
            switch arguments.mode {
            case .echo, .lines:
                for try await bytes in inbound { try await outbound.write(bytes) }
            case .source:
                while true { try await outbound.write(block) }
            case .sink:
                var count = 0
                for try await bytes in inbound { count += bytes.readableBytes }
                try await outbound.write(ByteBuffer(string: "\(count)\n"))
            case .proxy, .udpEcho:
                fatalError("there with handlers only")
            }
        }
    }
}

/// An event loop as the executor of tasks, which SwiftNIO does not offer itself.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
