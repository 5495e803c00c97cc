import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// File descriptors that pass over a connection. libuv: ipc_send_recv.
    @Suite struct UnixDescriptorTests {
        private static func takers(_ limit: Int = 16) -> UnixOptions {
            var options = UnixOptions()
            options.maximumUnclaimedDescriptors = limit
            return options
        }

        @Test func `what was sent is a duplicate that works, closed on exec`() async throws {
            try await withTestLoop { loop in
                let (near, far) = try await UnixConnection.pair(on: loop, options: Self.takers())
                let (end, sent) = try RawSocket.pipe()
                defer { end.close() }
                try await near.send(descriptors: [sent], with: "take this")
                try sent.close()
                let message = try #require(try await far.receive())
                #expect(message.bytes == "take this")
                let got = try #require(message.descriptors.first)
                #expect(message.descriptors.count == 1)
                #expect(fcntl(got.rawValue, F_GETFD) == FD_CLOEXEC)
                _ = try got.writeAll("hello".utf8)
                try got.close()
                #expect(try end.readToEnd() == Array("hello".utf8))
                try await near.close()
                #expect(try await far.receive() == nil)
            }
        }

        @Test func `a connection and a listener pass to another loop and work there`() async throws
        {
            // libuv: ipc_tcp_connection, ipc_send_recv_tcp, ipc_listen_after_write.
            try await withTestRuntime(threads: 2) { runtime in
                let (near, far) = try await UnixConnection.pair(
                    on: runtime.loops[0], and: runtime.loops[1], options: Self.takers())
                let listener = try RawSocket.listening()
                let client = try await TCPConnection.connect(
                    to: listener.address, on: runtime.loops[0])
                let accepted = try listener.accept()
                let sent = [accepted, listener].map { FileDescriptor(rawValue: $0.descriptor) }
                try await near.send(descriptors: sent, with: "both")
                for each in sent { try each.close() }
                let message = try #require(try await far.receive())
                #expect(message.descriptors.count == 2)
                let server = try await TCPConnection.adopting(
                    descriptor: message.descriptors[0].rawValue, on: runtime.loops[1])
                let there = await client.localAddress
                #expect(server.remoteAddress == there)
                try await client.write("ping")
                #expect(try await server.read(exactly: 4) == "ping")
                // The listener takes further clients, whoever has it.
                let second = RawSocket(message.descriptors[1].rawValue)
                let other = try RawSocket.connected(to: second.address)
                try second.accept().close()
                for each in [second, other] { each.close() }
                try await client.close()
                #expect(try await server.read() == nil)
            }
        }

        @Test func `descriptors keep their order, and come with their bytes`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (near, far) = try await UnixConnection.pair(
                    on: runtime.loops[0], and: runtime.loops[1], options: Self.takers())
                let pipes = try (0..<3).map { _ in try RawSocket.pipe() }
                try await near.write("aaa")
                try await near.send(descriptors: [pipes[0].sent], with: "bbb")
                try await near.write("ccc")
                try await near.send(descriptors: [pipes[1].sent, pipes[2].sent], with: "ddd")
                try await near.shutdownWrite()
                #expect(try await far.read(exactly: 6) == "aaabbb")
                var got = try await far.takeDescriptors()
                #expect(got.count == 1)
                #expect(try await far.takeDescriptors() == [])
                #expect(try await far.read(exactly: 6) == "cccddd")
                got += try await far.takeDescriptors()
                #expect(try await far.read() == nil)
                for (index, descriptor) in got.enumerated() {
                    _ = try descriptor.writeAll("\(index)".utf8)
                    try descriptor.close()
                }
                for (index, pipe) in pipes.enumerated() {
                    try pipe.sent.close()
                    #expect(try pipe.end.readToEnd() == Array("\(index)".utf8))
                    pipe.end.close()
                }
                try await near.close()
                try await far.close()
            }
        }

        @Test(arguments: ["close", "reset", "drop"])
        func `those that nobody took are closed with the connection`(how: String) async throws {
            try await withTestLoop { loop in
                var pair: (UnixConnection, UnixConnection)? =
                    try await UnixConnection.pair(on: loop, options: Self.takers())
                let (end, sent) = try RawSocket.pipe()
                defer { end.close() }
                try await pair!.0.send(descriptors: [sent, sent, sent], with: "x")
                try sent.close()
                try await pair!.1.until { !$0.unread.isEmpty }
                switch how {
                case "close": try await pair!.1.close()
                case "reset": pair!.1.reset()
                default: break
                }
                pair = nil
                try await waiting {
                    while !end.waitReadable(milliseconds: 0) {
                        try await loop.clock.sleep(for: .milliseconds(1))
                    }
                }
                #expect(try end.readToEnd().isEmpty)
            }
        }

        @Test func `a connection that takes none has the kernel close them`() async throws {
            try await withTestLoop { loop in
                let (near, far) = try await UnixConnection.pair(on: loop)
                let (end, sent) = try RawSocket.pipe()
                defer { end.close() }
                try await near.send(descriptors: [sent], with: "x")
                try sent.close()
                #expect(try await far.read() == "x")
                #expect(try end.readToEnd().isEmpty)
                let error = await #expect(throws: IOError.self) { try await far.takeDescriptors() }
                #expect(error?.code == .invalidArgument)
                try await near.close()
                try await far.close()
            }
        }

        @Test func `a handler's connection has the kernel close them`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                var options = UnixListenOptions()
                options.connection = Self.takers()
                try await servingUnixObjects(
                    on: runtime, options: options, objects: { SilentEcho() }
                ) { server in
                    let near = try await UnixConnection.connect(
                        to: server.localAddress, on: runtime.loops[0])
                    let (end, sent) = try RawSocket.pipe()
                    defer { end.close() }
                    try await near.send(descriptors: [sent], with: "echo")
                    try sent.close()
                    #expect(try await near.read(exactly: 4) == "echo")
                    #expect(try end.readToEnd().isEmpty)
                    try await near.close()
                }
            }
        }

        @Test func `no more are held than the bound, and none is lost`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (near, far) = try await UnixConnection.pair(
                    on: runtime.loops[0], and: runtime.loops[1], options: Self.takers(4))
                let (end, sent) = try RawSocket.pipe()
                defer { end.close() }
                let count = 100
                let sender = runtime.loops[0].task {
                    for _ in 0..<count { try await near.send(descriptors: [sent], with: "x") }
                }
                try await far.until { ($0 as! UnixStream).unclaimed.isFull }
                #expect(try await far.inside { ($0 as! UnixStream).unclaimed.count } == 4)
                var got = 0
                while got < count {
                    _ = try await waiting { try await far.read(exactly: 1) }
                    let descriptors = try await far.takeDescriptors()
                    #expect(descriptors.count == 1)
                    got += descriptors.count
                    for descriptor in descriptors { try descriptor.close() }
                    #expect(
                        try await far.inside { ($0 as! UnixStream).unclaimed.count } <= 4)
                }
                try await sender.value
                try sent.close()
                #expect(try end.readToEnd().isEmpty)
                try await near.close()
                try await far.close()
            }
        }

        @Test func `sending waits for room, and a cancelled one has sent nothing`() async throws {
            try await withTestLoop { loop in
                let (socket, peer) = try RawSocket.pair()
                defer { peer.close() }
                var options = UnixOptions()
                options.sendBufferBytes = 4_096
                let near = try await UnixConnection.adopting(
                    descriptor: socket.descriptor, on: loop, options: options)
                // Nothing of this goes through the stream: it finds the socket full.
                var filled = 0
                while true {
                    let count = socket.writeWhatFits([UInt8](repeating: 1, count: 512))
                    if count == 0 { break }
                    filled += count
                }
                let (end, sent) = try RawSocket.pipe()
                defer { end.close() }
                let cancelled = loop.task { try await near.send(descriptors: [sent], with: "no") }
                try await near.until { !$0.waitingWriters.isEmpty }
                cancelled.cancel()
                await expectCancelled(cancelled)
                let sender = loop.task { try await near.send(descriptors: [sent], with: "yes") }
                try await near.until { !$0.waitingWriters.isEmpty }
                #expect(try peer.read(exactly: filled).allSatisfy { $0 == 1 })
                try await waiting { try await sender.value }
                try sent.close()
                #expect(try peer.read(exactly: 3) == Array("yes".utf8))
                #expect(try end.readToEnd().isEmpty)
                // A close ends the wait.
                while socket.writeWhatFits([UInt8](repeating: 1, count: 512)) > 0 {}
                let late = loop.task {
                    try await near.send(descriptors: [FileDescriptor.standardError], with: "late")
                }
                try await near.until { !$0.waitingWriters.isEmpty }
                near.reset()
                let error = await #expect(throws: IOError.self) {
                    try await waiting { try await late.value }
                }
                #expect(error?.code == .closed)
            }
        }

        @Test func `what cannot be sent is refused, and the connection goes on`() async throws {
            try await withTestLoop { loop in
                let (near, far) = try await UnixConnection.pair(on: loop, options: Self.takers(600))
                let some = FileDescriptor.standardError
                let wrong: [([FileDescriptor], Bytes)] = [
                    ([], "x"), ([some], Bytes()), (Array(repeating: some, count: 254), "x"),
                    ([FileDescriptor(rawValue: 19_999)], "x"),
                    ([FileDescriptor(rawValue: -1)], "x"),
                ]
                for (descriptors, bytes) in wrong {
                    let error = await #expect(throws: IOError.self) {
                        try await near.send(descriptors: descriptors, with: bytes)
                    }
                    #expect(error?.code == .invalidArgument)
                    #expect(error?.operation == "send descriptors to")
                }
                let most = Array(repeating: some, count: 253)
                try await near.send(descriptors: most, with: "all")
                let message = try #require(try await far.receive())
                #expect(message.bytes == "all")
                #expect(message.descriptors.count == 253)
                for descriptor in message.descriptors { try descriptor.close() }
                try await near.close()
                let error = await #expect(throws: IOError.self) {
                    try await near.send(descriptors: [some], with: "x")
                }
                #expect(error?.code == .closed)
            }
        }

        @Test(.enabled(if: hasPython, "no python3 here"))
        func `descriptors pass to another process and back`() async throws {
            try await withTestFolder { loop, folder in
                let address = try UnixAddress(path: folder.appending("service"))
                var options = UnixListenOptions()
                options.connection = Self.takers()
                let listener = try await UnixListener.listen(
                    on: address, loop: loop, options: options)
                let script = """
                    import os, socket, sys
                    s = socket.socket(socket.AF_UNIX)
                    s.connect(sys.argv[1])
                    text, theirs, _, _ = socket.recv_fds(s, 100, 4)
                    os.write(theirs[0], text + b' and python')
                    r, w = os.pipe()
                    os.write(w, b'written by python')
                    os.close(w)
                    socket.send_fds(s, [b'mine'], [r])
                    s.recv(1)
                    """
                let program = loop.task {
                    try await ChildProcess.run(
                        .init(
                            .path("/usr/bin/python3"),
                            arguments: ["-c", script, address.description]),
                        on: loop)
                }
                let near = try await listener.accept()
                let (end, sent) = try RawSocket.pipe()
                defer { end.close() }
                try await near.send(descriptors: [sent], with: "heddle")
                try sent.close()
                let message = try #require(try await near.receive())
                #expect(message.bytes == "mine")
                let theirs = RawSocket(try #require(message.descriptors.first).rawValue)
                #expect(try theirs.readToEnd() == Array("written by python".utf8))
                theirs.close()
                try await near.close()
                #expect(try await program.value.terminationStatus.isSuccess)
                #expect(try end.readToEnd() == Array("heddle and python".utf8))
                await listener.close()
            }
        }
    }
}

/// Whether there is a Python that can pass descriptors, which came with 3.9.
private let hasPython = access("/usr/bin/python3", X_OK) == 0

private final class SilentEcho: StreamHandler {
    func received(_ bytes: RawSpan, on stream: SynchronousStream) { stream.write(bytes) }
}
