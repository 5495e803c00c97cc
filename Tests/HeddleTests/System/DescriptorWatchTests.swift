import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct DescriptorWatchTests {
        /// Runs `body` on a loop with one end of a socket pair that is watched, and the other end.
        private static func withWatch(
            sourceLocation: SourceLocation = #_sourceLocation,
            _ body: @escaping @Sendable (DescriptorWatch, RawSocket, RawSocket) async throws -> Void
        ) async throws {
            try await withTestLoop(sourceLocation: sourceLocation) { loop in
                let (near, far) = try RawSocket.pair()
                defer {
                    near.close()
                    far.close()
                }
                let watch = try await DescriptorWatch.start(near.descriptor, on: loop)
                try await body(watch, near, far)
                await watch.close()
                // It is not the watch's to close.
                #expect(fcntl(near.descriptor, F_GETFD) >= 0)
            }
        }

        /// Waits until `wait` has something to wait for: the loop has run what was ready.
        private static func started(_ loop: EventLoop?) async {
            for _ in 0..<3 { await Task.yield() }
        }

        @Test func `bytes make a descriptor readable, again and again until they are read`()
            async throws
        {
            try await Self.withWatch { watch, near, far in
                async let readable: Void = watch.readable()
                try far.write("ab")
                try await readable
                try await watch.readable()
                #expect(try near.read(exactly: 2) == Array("ab".utf8))
                async let again: Void = watch.readable()
                try far.write("c")
                try await again
                #expect(try near.read(exactly: 1) == Array("c".utf8))
            }
        }

        @Test func `both directions are waited for at once`() async throws {
            // libuv: poll_duplex.
            try await Self.withWatch { watch, near, far in
                let farWatch = try await DescriptorWatch.start(
                    far.descriptor, on: EventLoop.current!)
                let total = 2 << 20
                let received = try await withThrowingTaskGroup(of: Int.self) { group in
                    for (socket, watch) in [(near, watch), (far, farWatch)] {
                        group.addTask { try await Self.send(total, to: socket, watch) }
                        group.addTask { try await Self.receive(total, from: socket, watch) }
                    }
                    return try await group.reduce(0, +)
                }
                #expect(received == 2 * total)
                await farWatch.close()
            }
        }

        /// Writes `total` bytes as they fit.
        private static func send(
            _ total: Int, to socket: RawSocket, _ watch: DescriptorWatch
        ) async throws -> Int {
            let block = [UInt8](repeating: 7, count: 100_000)
            var sent = 0
            while sent < total {
                let count = socket.writeWhatFits(Array(block.prefix(total - sent)))
                sent += count
                if count == 0 { try await watch.writable() }
            }
            return 0
        }

        private static func receive(
            _ total: Int, from socket: RawSocket, _ watch: DescriptorWatch
        ) async throws -> Int {
            var received = 0
            while received < total {
                try await watch.readable()
                received += try socket.readOnce().count
            }
            return received
        }

        @Test func `a wait for several events says which came`() async throws {
            try await Self.withWatch { watch, near, far in
                #expect(try await watch.wait(for: [.readable, .writable]) == .writable)
                try far.write("x")
                #expect(
                    try await watch.wait(for: [.readable, .writable]) == [.readable, .writable])
                _ = near
            }
        }

        @Test func `the peer's end makes it readable and disconnected`() async throws {
            try await Self.withWatch { watch, near, far in
                async let gone = watch.wait(for: .disconnected)
                async let readable: Void = watch.readable()
                far.shutdownWrite()
                #expect(try await gone == .disconnected)
                try await readable
                #expect(try near.readOnce().isEmpty)
            }
        }

        @Test func `an event queue of the system can be watched`() async throws {
            // libuv: poll_nested_epoll.
            try await withTestLoop { loop in
                let (near, far) = try RawSocket.pair()
                let queue = try Self.eventQueue(watching: near)
                defer { for each in [near, far, queue] { each.close() } }
                let watch = try await DescriptorWatch.start(queue.descriptor, on: loop)
                let readable = loop.task { try await watch.readable() }
                await Self.started(loop)
                try far.write("x")
                try await readable.value
                #expect(queue.waitReadable(milliseconds: 0))
                await watch.close()
            }
        }

        /// An epoll instance that has `socket` to wait for; Swift's overlay leaves these calls out.
        private static func eventQueue(watching socket: RawSocket) throws -> RawSocket {
            typealias Create = @convention(c) (Int32) -> Int32
            typealias Control =
                @convention(c) (Int32, Int32, Int32, UnsafeMutableRawPointer?) -> Int32
            let create = unsafeBitCast(
                try #require(dlsym(nil, "epoll_create1")), to: Create.self)
            let control = unsafeBitCast(try #require(dlsym(nil, "epoll_ctl")), to: Control.self)
            let queue = RawSocket(create(O_CLOEXEC))
            // EPOLLIN, then what is given back, which nobody looks at.
            var event: [UInt64] = [1, 0]
            try #require(control(queue.descriptor, 1, socket.descriptor, &event) == 0)
            return queue
        }

        @Test func `urgent data is told apart`() async throws {
            try await withTestLoop { loop in
                let listener = try RawSocket.listening()
                let near = try RawSocket.connected(to: listener.address)
                let far = try listener.accept()
                defer { for socket in [listener, near, far] { socket.close() } }
                let watch = try await DescriptorWatch.start(near.descriptor, on: loop)
                async let urgent = watch.wait(for: [.priority])
                var byte: UInt8 = 1
                #expect(Glibc.send(far.descriptor, &byte, 1, Int32(MSG_OOB)) == 1)
                #expect(try await urgent == .priority)
                await watch.close()
            }
        }

        @Test func `a failed connection attempt ends every wait`() async throws {
            try await withTestLoop { loop in
                let listener = try RawSocket.listening()
                let address = listener.address
                listener.close()
                let type = Int32(
                    SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
                let near = RawSocket(socket(AF_INET, type, 0))
                defer { near.close() }
                let status = address.withSockaddr { connect(near.descriptor, $0, $1) }
                #expect(status < 0)
                let watch = try await DescriptorWatch.start(near.descriptor, on: loop)
                try await watch.writable()
                #expect(near.option(SO_ERROR) == ECONNREFUSED)
                await watch.close()
            }
        }

        @Test func `a second task for the same direction is refused`() async throws {
            try await Self.withWatch { watch, _, far in
                let first = EventLoop.current!.task { try await watch.readable() }
                await Self.started(EventLoop.current)
                let error = await #expect(throws: IOError.self) {
                    try await watch.wait(for: [.readable, .priority])
                }
                #expect(error?.code == .busy)
                try await watch.writable()
                try far.write("x")
                try await first.value
            }
        }

        @Test func `cancelling ends a wait and leaves the watch as it was`() async throws {
            try await Self.withWatch { watch, _, far in
                let loop = EventLoop.current!
                let wait = loop.task { try await watch.readable() }
                await Self.started(loop)
                wait.cancel()
                await #expect(throws: CancellationError.self) { try await wait.value }
                async let readable: Void = watch.readable()
                try far.write("x")
                try await readable
                let cancelled = loop.task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    try await watch.readable()
                }
                await #expect(throws: CancellationError.self) { try await cancelled.value }
            }
        }

        @Test func `closing ends the waits, also from the task that a wait woke`() async throws {
            // libuv: poll_close.
            try await Self.withWatch { watch, _, far in
                let loop = EventLoop.current!
                let other = loop.task { try await watch.wait(for: .priority) }
                await Self.started(loop)
                try far.write("x")
                try await watch.readable()
                await watch.close()
                await watch.close()
                let error = await #expect(throws: IOError.self) { try await other.value }
                #expect(error?.code == .closed)
                let late = await #expect(throws: IOError.self) { try await watch.readable() }
                #expect(late?.code == .closed)
            }
        }

        @Test func `a dropped watch closes itself`() async throws {
            try await withTestLoop { loop in
                let (near, far) = try RawSocket.pair()
                defer { far.close() }
                _ = try await DescriptorWatch.start(near.descriptor, on: loop)
                near.close()
                // Only the watch's duplicate keeps the socket now.
                let isEnd = try await Self.end(of: far, on: loop)
                #expect(isEnd)
            }
        }

        /// Whether `socket` comes to its end, which another watch waits for.
        private static func end(of socket: RawSocket, on loop: EventLoop) async throws -> Bool {
            let watch = try await DescriptorWatch.start(socket.descriptor, on: loop)
            try await watch.readable()
            let isEnd = try socket.readOnce().isEmpty
            await watch.close()
            return isEnd
        }

        @Test func `a descriptor closed too early harms nobody, whoever gets its number`()
            async throws
        {
            // libuv: closed_fd_events; there events of the new one reach the old one's callback.
            try await withTestLoop { loop in
                for _ in 0..<20 {
                    let (near, far) = try RawSocket.pair()
                    let watch = try await DescriptorWatch.start(near.descriptor, on: loop)
                    let wait = loop.task { try await watch.readable() }
                    await Self.started(loop)
                    let (fresh, other) = try RawSocket.pair()
                    // Closes the old one and gives its number away in one step: between two, others might take it.
                    #expect(dup2(fresh.descriptor, near.descriptor) == near.descriptor)
                    fresh.close()
                    let reused = near
                    let second = try await DescriptorWatch.start(reused.descriptor, on: loop)
                    try other.write("x")
                    try await second.readable()
                    #expect(!wait.isCancelled)
                    try far.write("y")
                    try await wait.value
                    await watch.close()
                    #expect(try reused.read(exactly: 1) == Array("x".utf8))
                    await second.close()
                    for socket in [far, reused, other] { socket.close() }
                }
            }
        }

        @Test func `a descriptor is watched once on each loop, and again after the close`()
            async throws
        {
            try await withTestRuntime(threads: 2) { runtime in
                let (near, far) = try RawSocket.pair()
                defer {
                    near.close()
                    far.close()
                }
                let first = try await DescriptorWatch.start(
                    near.descriptor, on: runtime.loops[0])
                let error = await #expect(throws: IOError.self) {
                    try await DescriptorWatch.start(near.descriptor, on: runtime.loops[0])
                }
                #expect(error?.code == .busy)
                #expect(error?.subject == "descriptor \(near.descriptor)")
                let other = try await DescriptorWatch.start(
                    near.descriptor, on: runtime.loops[1])
                try far.write("x")
                try await first.readable()
                try await other.readable()
                await first.close()
                let again = try await DescriptorWatch.start(
                    near.descriptor, on: runtime.loops[0])
                try await again.readable()
            }
        }

        @Test(arguments: [-1, Int32.min, 19_999, Int32.max])
        func `a descriptor that is not open is refused by its number`(number: Int32) async throws {
            try await withTestLoop { loop in
                let error = await #expect(throws: IOError.self) {
                    try await DescriptorWatch.start(number, on: loop)
                }
                #expect(error?.code == .invalidArgument)
                #expect(error?.subject == "descriptor \(number)")
                #expect(error?.systemName == "EBADF")
            }
        }

        @Test(arguments: ["/proc/self/status", "/usr"])
        func `files and folders cannot be watched`(path: String) async throws {
            try await withTestLoop { loop in
                let file = open(path, O_RDONLY | O_CLOEXEC)
                defer { close(file) }
                let error = await #expect(throws: IOError.self) {
                    try await DescriptorWatch.start(file, on: loop)
                }
                #expect(error?.code == .invalidArgument)
                #expect(error?.systemName == "EPERM")
            }
        }

        @Test func `waiting for nothing is refused`() async throws {
            try await Self.withWatch { watch, _, _ in
                for events in [DescriptorWatch.Events(), .init(rawValue: 1 << 20)] {
                    let error = await #expect(throws: IOError.self) {
                        try await watch.wait(for: events)
                    }
                    #expect(error?.code == .invalidArgument)
                }
            }
        }

        @Test func `off the loop it is the same`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                let (near, far) = try RawSocket.pair()
                defer {
                    near.close()
                    far.close()
                }
                let watch = try await DescriptorWatch.start(
                    near.descriptor, on: runtime.loops[0])
                try await watch.writable()
                async let readable: Void = watch.readable()
                try far.write("x")
                try await readable
                await watch.close()
            }
        }

        @Test func `a stop of the loop ends the waits`() async throws {
            let (near, far) = try RawSocket.pair()
            defer {
                near.close()
                far.close()
            }
            let (watch, wait) = try await withTestLoop(grace: .zero) { loop in
                let watch = try await DescriptorWatch.start(near.descriptor, on: loop)
                let wait = loop.task { try await watch.readable() }
                await Self.started(loop)
                return (watch, wait)
            }
            for task in [wait, Task { try await watch.readable() }] {
                let error = await #expect(throws: IOError.self) { try await task.value }
                #expect(error?.code == .loopStopped)
            }
            await watch.close()
            let loop = try await withTestLoop { $0 }
            let error = await #expect(throws: IOError.self) {
                try await DescriptorWatch.start(near.descriptor, on: loop)
            }
            #expect(error?.code == .loopStopped)
        }

        @Test func `while nobody waits a ready descriptor costs no turns`() async throws {
            try await Self.withWatch { watch, _, far in
                try far.write("x")
                try await watch.readable()
                let before = ProcessTime.used
                try await EventLoop.current!.clock.sleep(for: .milliseconds(300))
                #expect(ProcessTime.used - before < .milliseconds(150))
            }
        }
    }
}
