import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// What a stream in one direction does, over each way to come by a pipe. As trio's `check_one_way_stream`.
    @Suite struct PipeStreamTests {
        enum Kind: String, CaseIterable, CustomTestStringConvertible {
            case anonymous = "an anonymous pipe"
            case named = "a named pipe"
            case adopted = "adopted descriptors"
            case offLoop = "an anonymous pipe used off its loop"
            case standard = "standard input and output"

            var testDescription: String { rawValue }

            func with(
                limits: StreamLimits = StreamLimits(),
                _ body: @escaping @Sendable (ByteStream, ByteStream) async throws -> Void
            ) async throws {
                switch self {
                case .anonymous:
                    try await withTestLoop { loop in
                        let ends = try await PipeStream.pipe(on: loop, limits: limits)
                        try await body(ends.reading, ends.writing)
                    }
                case .offLoop:
                    try await withTestRuntime(threads: 1) { runtime in
                        let ends = try await PipeStream.pipe(on: runtime.loops[0], limits: limits)
                        try await body(ends.reading, ends.writing)
                    }
                case .named:
                    try await withTestFolder { loop, folder in
                        let path = folder.appending("pipe")
                        #expect(mkfifo(path.string, 0o600) == 0)
                        let reading = try await PipeStream.open(
                            path, for: .reading, on: loop, limits: limits)
                        let writing = try await PipeStream.open(
                            path, for: .writing, on: loop, limits: limits)
                        try await body(reading, writing)
                    }
                case .adopted:
                    try await withTestLoop { loop in
                        let (near, far) = try rawPipe()
                        let reading = try await PipeStream.adopting(
                            descriptor: near, on: loop, limits: limits)
                        let writing = try await PipeStream.adopting(
                            descriptor: far, on: loop, limits: limits)
                        try await body(reading, writing)
                    }
                case .standard:
                    try await withTestLoop { loop in
                        let (near, far) = try rawPipe()
                        let reading = try await StandardInput.open(
                            .input.of(near), on: loop, limits: limits)
                        let writing = try await StandardOutput.open(
                            .output.of(far), on: loop, limits: limits)
                        // The process's own stay open; these would keep the pipe's ends alive.
                        for descriptor in [near, far] { close(descriptor) }
                        try await body(reading, writing)
                    }
                }
            }
        }

        static func rawPipe() throws -> (Int32, Int32) {
            var ends: [Int32] = [-1, -1]
            try #require(pipe(&ends) == 0)
            return (ends[0], ends[1])
        }

        @Test(arguments: Kind.allCases)
        func `bytes come out as they went in, and then the end`(kind: Kind) async throws {
            let total = TestScale.times(1 << 20, full: 20 * (1 << 20))
            try await kind.with { reading, writing in
                async let sent: Void = writing.writePattern(total)
                var pattern = Pattern()
                while pattern.position < total, let bytes = try await reading.read() {
                    let matches = pattern.matches(bytes)
                    #expect(matches)
                }
                try await sent
                try await writing.shutdownWrite()
                #expect(try await reading.read() == nil)
                #expect(try await reading.read() == nil)
                #expect(pattern.position == total)
            }
        }

        @Test(arguments: Kind.allCases)
        func `a close sends what was written`(kind: Kind) async throws {
            try await kind.with { reading, writing in
                try await writing.write("last words")
                try await writing.close()
                try await writing.close()
                #expect(try await reading.read(exactly: 10) == "last words")
                #expect(try await reading.read() == nil)
                await expectError(.closed) { try await writing.write("more") }
            }
        }

        @Test(arguments: Kind.allCases)
        func `each end refuses the other direction`(kind: Kind) async throws {
            try await kind.with { reading, writing in
                let write = await expectError(.invalidArgument) { try await reading.write("x") }
                #expect(write?.reason == "it is open for reading alone")
                let read = await expectError(.invalidArgument) { _ = try await writing.read() }
                #expect(read?.reason == "it is open for writing alone")
                await expectError(.invalidArgument) { try await reading.shutdownWrite() }
                // They work on.
                try await writing.write("x")
                #expect(try await reading.read() == "x")
            }
        }

        @Test(arguments: Kind.allCases)
        func `half-close closes an end that writes, twice is once`(kind: Kind) async throws {
            try await kind.with { reading, writing in
                try await writing.write("x")
                try await writing.shutdownWrite()
                try await writing.shutdownWrite()
                #expect(try await reading.read() == "x")
                #expect(try await reading.read() == nil)
                try await writing.until("its close") { $0.phase == .closed }
                try await writing.shutdownWrite()
                await expectError(.closed) { try await writing.write("y") }
                try await writing.close()
            }
        }

        @Test(arguments: Kind.allCases)
        func `a write whose reader has gone is one error and no signal`(kind: Kind) async throws {
            try await kind.with { reading, writing in
                try await reading.close()
                try await writing.write("x")
                let error = await expectError(.broken) { try await writing.close() }
                #expect(error?.systemName == "EPIPE")
            }
        }

        @Test(arguments: Kind.allCases)
        func `a writer that is waiting hears that its reader goes`(kind: Kind) async throws {
            try await kind.with { reading, writing in
                try await writing.write([UInt8](repeating: 1, count: 1 << 20))
                let flushing = Task { try await writing.flush() }
                try await writing.until("the wait") { !$0.waitingFlushers.isEmpty }
                try await reading.close()
                await expectError(.broken) { try await flushing.value }
            }
        }

        @Test(arguments: Kind.allCases)
        func `a reader that never reads holds up the writer, and little is held`(kind: Kind)
            async throws
        {
            var limits = StreamLimits()
            limits.unreadHighWater = 64 << 10
            limits.unsentHighWater = 64 << 10
            limits.unsentLowWater = 16 << 10
            let piece = [UInt8](repeating: 1, count: 32 << 10)
            try await kind.with(limits: limits) { reading, writing in
                let taken = Recorder<Int>()
                let writer = Task {
                    while true {
                        try await writing.write(piece)
                        taken.add(piece.count)
                    }
                }
                try await writing.until("the wait") { !$0.waitingWriters.isEmpty }
                try await reading.until("the pause") { $0.machine.isPaused }
                let unread = try await reading.inside { $0.unread.byteCount }
                #expect(unread < (64 << 10) + (256 << 10))
                let unsent = try await writing.inside { $0.unsent.byteCount }
                #expect(unsent <= (64 << 10) + piece.count)
                writer.cancel()
                await #expect(throws: CancellationError.self) { try await writer.value }
                writing.reset()
            }
        }

        @Test(arguments: Kind.allCases)
        func `a cancelled read loses no byte, a second reader is refused`(kind: Kind) async throws {
            try await kind.with { reading, writing in
                let reader = Task { try await reading.read() }
                try await reading.until("the wait") { unsafe $0.reader != nil }
                await expectError(.busy) { _ = try await reading.read() }
                reader.cancel()
                await #expect(throws: CancellationError.self) { try await reader.value }
                try await writing.write("kept")
                #expect(try await reading.read() == "kept")
            }
        }

        @Test func `a close while another task reads ends its read`() async throws {
            try await Kind.anonymous.with { reading, _ in
                let read = Task { try await reading.read() }
                try await reading.until("the wait") { unsafe $0.reader != nil }
                try await reading.close()
                await expectError(.closed) { _ = try await read.value }
            }
        }

        // MARK: Adopted descriptors

        @Test func `the flags that others see are never changed for a pipe without a name`()
            async throws
        {
            try await withTestLoop { loop in
                let (near, far) = try Self.rawPipe()
                let other = dup(near)
                defer { close(other) }
                let stream = try await PipeStream.adopting(descriptor: near, on: loop)
                #expect(fcntl(other, F_GETFL) & O_NONBLOCK == 0)
                try await stream.close()
                #expect(fcntl(other, F_GETFL) & O_NONBLOCK == 0)
                close(far)
            }
        }

        @Test func `the flags of a socket are put back at the close`() async throws {
            try await withTestLoop { loop in
                let (near, far) = try RawSocket.pair()
                defer { far.close() }
                let other = dup(near.descriptor)
                defer { close(other) }
                let stream = try await PipeStream.adopting(descriptor: near.descriptor, on: loop)
                try await stream.write("there")
                try await stream.flush()
                #expect(try far.readOnce() == Array("there".utf8))
                try far.write("back")
                #expect(try await stream.read() == "back")
                #expect(fcntl(other, F_GETFL) & O_NONBLOCK != 0)
                try await stream.shutdownWrite()
                #expect(try far.readToEnd() == [])
                try await stream.close()
                #expect(fcntl(other, F_GETFL) & O_NONBLOCK == 0)
            }
        }

        /// As of a program that inetd(8) has started, whose input and output are one socket.
        @Test(arguments: [false, true], [false, true])
        func `of a socket that is two streams the last to close puts the flags back`(
            inOrder: Bool, waitedBefore: Bool
        ) async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (near, far) = try RawSocket.pair()
                defer { far.close() }
                let second = dup(near.descriptor)
                let other = dup(near.descriptor)
                defer { close(other) }
                if !waitedBefore { _ = fcntl(other, F_SETFL, fcntl(other, F_GETFL) | O_NONBLOCK) }
                let streams = [
                    try await PipeStream.adopting(
                        descriptor: near.descriptor, on: runtime.loops[0]),
                    try await PipeStream.adopting(descriptor: second, on: runtime.loops[1]),
                ]
                let (early, late) = inOrder ? (streams[0], streams[1]) : (streams[1], streams[0])
                try await early.close()
                #expect(fcntl(other, F_GETFL) & O_NONBLOCK != 0)
                try await late.write("goes on")
                try await late.flush()
                #expect(try far.readOnce() == Array("goes on".utf8))
                try await late.close()
                // Only the first one has seen the flags from before: what others set is taken for its doing.
                let waits = waitedBefore || inOrder
                #expect((fcntl(other, F_GETFL) & O_NONBLOCK == 0) == waits)
            }
        }

        /// Opened and closed from two loops at once: whoever is open finds it not waiting, and in the end it waits.
        @Test func `streams of one socket that come and go at once leave its flags as they were`()
            async throws
        {
            try await withTestRuntime(threads: 2) { runtime in
                let (near, far) = try RawSocket.pair()
                defer {
                    near.close()
                    far.close()
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for loop in runtime.loops {
                        group.addTask(executorPreference: loop.taskExecutor) {
                            for _ in 0..<TestScale.times(500, full: 20_000) {
                                let stream = try await PipeStream.adopting(
                                    descriptor: dup(near.descriptor), on: loop)
                                #expect(fcntl(near.descriptor, F_GETFL) & O_NONBLOCK != 0)
                                try await stream.close()
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(fcntl(near.descriptor, F_GETFL) & O_NONBLOCK == 0)
            }
        }

        // MARK: What people get wrong

        @Test func `what is no pipe is refused, and nothing is left open`() async throws {
            try await withTestFolder { loop, folder in
                let missing = folder.appending("missing")
                await expectError(.notFound) {
                    _ = try await PipeStream.open(missing, for: .reading, on: loop)
                }
                for direction in [PipeStream.Direction.reading, .writing] {
                    let error = await expectError(.wrongFileType) {
                        _ = try await PipeStream.open(folder, for: direction, on: loop)
                    }
                    #expect(error?.subject == folder.string)
                }
                Disk.write("text", to: folder.appending("file"))
                await expectError(.wrongFileType) {
                    _ = try await PipeStream.open(folder.appending("file"), for: .reading, on: loop)
                }
                await expectError(.invalidArgument) {
                    _ = try await PipeStream.open("", for: .reading, on: loop)
                }
            }
        }

        @Test func `a descriptor that is closed, a folder or a file is refused and left alone`()
            async throws
        {
            try await withTestFolder { loop, folder in
                await expectError(.invalidArgument) {
                    _ = try await PipeStream.adopting(descriptor: 1 << 20, on: loop)
                }
                Disk.write("text", to: folder.appending("file"))
                let kinds: [(FilePath, IOError.Code)] = [
                    (folder, .wrongFileType), (folder.appending("file"), .invalidArgument),
                    ("/dev/null", .invalidArgument),
                ]
                for (path, code) in kinds {
                    let descriptor = open(path.string, O_RDONLY)
                    defer { close(descriptor) }
                    await expectError(code) {
                        _ = try await PipeStream.adopting(descriptor: descriptor, on: loop)
                    }
                    #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0)
                }
            }
        }

        @Test(arguments: [-1, Int32.min, Int32.max])
        func `a number that is no descriptor is refused by it`(number: Int32) async throws {
            try await withTestLoop { loop in
                let error = await expectError(.invalidArgument) {
                    _ = try await PipeStream.adopting(descriptor: number, on: loop)
                }
                #expect(error?.subject == "descriptor \(number)")
            }
        }

        @Test func `opening for writing waits for a reader, and can be cancelled`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("pipe")
                #expect(mkfifo(path.string, 0o600) == 0)
                await expectError(.timedOut) {
                    try await withTimeout(.milliseconds(30), "a reader") {
                        _ = try await PipeStream.open(path, for: .writing, on: loop)
                    }
                }
                async let writing = PipeStream.open(path, for: .writing, on: loop)
                let reading = try await PipeStream.open(path, for: .reading, on: loop)
                try await writing.write("x")
                #expect(try await reading.read() == "x")
            }
        }

        @Test func `a stop ends each read and write exactly once`() async throws {
            // FAULTS.md, L12.
            for _ in 0..<TestScale.times(50, full: 20 * (50)) {
                try await withTestRuntime(threads: 1) { runtime in
                    let loop = runtime.loops[0]
                    let ends = try await PipeStream.pipe(on: loop)
                    let read = loop.task { try await ends.reading.read() }
                    let full = try await PipeStream.pipe(on: loop)
                    let write = loop.task {
                        try await full.writing.write([UInt8](repeating: 1, count: 1 << 20))
                        try await full.writing.flush()
                    }
                    try await ends.reading.until("the read") { unsafe $0.reader != nil }
                    try await runtime.stop(within: .zero)
                    await expectError(.loopStopped) { _ = try await read.value }
                    await expectError(.loopStopped) { try await write.value }
                }
            }
        }
    }
}
