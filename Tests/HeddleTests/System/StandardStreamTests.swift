import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// The standard streams over what they may lead to, by descriptors that stand for 0 to 2. What they do over a pipe
    /// is in `PipeStreamTests`.
    @Suite struct StandardStreamTests {
        @Test func `a pipe is read by lines, and stays open and blocking for others`() async throws
        {
            try await withTestLoop { loop in
                let (near, far) = try PipeStreamTests.rawPipe()
                defer { close(near) }
                #expect(Glibc.write(far, "one\n\u{FF}two\nlast", 14) == 14)
                #expect(Glibc.write(far, [0xFF, 0x0A] as [UInt8], 2) == 2)
                close(far)
                let input = try await StandardInput.open(.input.of(near), on: loop)
                var lines: [String] = []
                for try await line in input.lines {
                    lines.append(line)
                    #expect(fcntl(near, F_GETFL) & O_NONBLOCK == 0)
                }
                #expect(lines == ["one", "\u{FF}two", "last\u{FFFD}"])
                try await input.close()
                #expect(fcntl(near, F_GETFL) & O_NONBLOCK == 0)
            }
        }

        @Test func `a line beyond the bound is refused`() async throws {
            try await withTestLoop { loop in
                let (near, far) = try PipeStreamTests.rawPipe()
                defer { for descriptor in [near, far] { close(descriptor) } }
                #expect(Glibc.write(far, "0123456789\n", 11) == 11)
                let input = try await StandardInput.open(.input.of(near), on: loop)
                let error = await expectError(.limitExceeded) {
                    for try await _ in input.lines(maximumBytes: 9) {}
                }
                #expect(error?.subject == "standard input")
                try await input.close()
            }
        }

        @Test func `after a close, what comes is left to who reads next`() async throws {
            try await withTestLoop { loop in
                let (near, far) = try PipeStreamTests.rawPipe()
                defer { for descriptor in [near, far] { close(descriptor) } }
                let input = try await StandardInput.open(.input.of(near), on: loop)
                let read = loop.task { try await input.read() }
                try await input.until("the wait") { unsafe $0.reader != nil }
                read.cancel()
                await #expect(throws: CancellationError.self) { try await read.value }
                try await input.close()
                #expect(Glibc.write(far, "later", 5) == 5)
                var buffer = [UInt8](repeating: 0, count: 8)
                #expect(Glibc.read(near, &buffer, 8) == 5)
            }
        }

        @Test func `dropping it ends its use`() async throws {
            try await withTestLoop { loop in
                let (near, far) = try PipeStreamTests.rawPipe()
                defer { for descriptor in [near, far] { close(descriptor) } }
                for _ in 0..<10 {
                    _ = try await StandardInput.open(.input.of(near), on: loop)
                    try await waiting {
                        while loop.core.openConnections > 0 {
                            try await loop.clock.sleep(for: .milliseconds(1))
                        }
                    }
                }
            }
        }

        @Test func `a stop ends a read of a terminal where nobody types`() async throws {
            let pseudo = try PseudoTerminal()
            defer { pseudo.close() }
            try await withTestRuntime(threads: 1) { runtime in
                let loop = runtime.loops[0]
                let input = try await StandardInput.open(.input.of(pseudo.inner), on: loop)
                let read = loop.task { try await input.read() }
                try await input.until("the wait") { unsafe $0.reader != nil }
                try await runtime.stop(within: .zero)
                await expectError(.loopStopped) { _ = try await read.value }
            }
            #expect(fcntl(pseudo.inner, F_GETFL) & O_NONBLOCK == 0)
            // It is free again.
            try await withTestLoop { loop in
                try await StandardInput.open(.input.of(pseudo.inner), on: loop).close()
            }
        }

        // MARK: Files and devices

        @Test func `a file comes to its end`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                Disk.write((0..<50_000).map { "line \($0)\n" }.joined(), to: path)
                let descriptor = open(path.string, O_RDONLY)
                defer { close(descriptor) }
                let input = try await StandardInput.open(.input.of(descriptor), on: loop)
                var count = 0
                for try await line in input.lines {
                    if line != "line \(count)" { break }
                    count += 1
                }
                #expect(count == 50_000)
                try await input.close()
                #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0)
                #expect(lseek(descriptor, 0, SEEK_CUR) > 0)
            }
        }

        @Test func `a file without end is left when nobody reads on`() async throws {
            try await withTestLoop { loop in
                let descriptor = open("/dev/zero", O_RDONLY)
                defer { close(descriptor) }
                for isReset in [false, true] {
                    let input = try await StandardInput.open(.input.of(descriptor), on: loop)
                    #expect(try await input.read(exactly: 100_000).count == 100_000)
                    if isReset { input.reset() } else { try await input.close() }
                    // Both ends of the pipe that it comes through.
                    try await waiting {
                        while loop.core.openConnections > 0 {
                            try await loop.clock.sleep(for: .milliseconds(1))
                        }
                    }
                }
            }
        }

        @Test func `a stop amid a file leaves nothing`() async throws {
            for _ in 0..<TestScale.times(10, full: 500) {
                let descriptor = open("/dev/zero", O_RDONLY)
                defer { close(descriptor) }
                try await withTestRuntime(threads: 1) { runtime in
                    let loop = runtime.loops[0]
                    let input = try await StandardInput.open(.input.of(descriptor), on: loop)
                    let read = loop.task {
                        while let bytes = try await input.read() { #expect(!bytes.isEmpty) }
                    }
                    try await runtime.stop(within: .zero)
                    await expectError(.loopStopped) { try await read.value }
                }
            }
        }

        @Test func `nothing is at its end at once, and takes everything`() async throws {
            try await withTestLoop { loop in
                let descriptor = open("/dev/null", O_RDWR)
                defer { close(descriptor) }
                let input = try await StandardInput.open(.input.of(descriptor), on: loop)
                #expect(try await input.read() == nil)
                try await input.close()
                let output = try await StandardOutput.open(.output.of(descriptor), on: loop)
                try await output.write([UInt8](repeating: 1, count: 1 << 20))
                try await output.close()
                #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0)
            }
        }

        @Test func `a file takes what is written, also at its end alone`() async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                Disk.write("before ", to: path)
                let descriptor = open(path.string, O_WRONLY | O_APPEND)
                defer { close(descriptor) }
                let output = try await StandardOutput.open(.output.of(descriptor), on: loop)
                let error = try await StandardError.open(.error.of(descriptor), on: loop)
                try await output.write("text")
                try await output.flush()
                try await error.write(" and errors")
                try await error.close()
                try await output.close()
                #expect(Disk.bytes(of: path) == Array("before text and errors".utf8))
                #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0)
            }
        }

        @Test func `a full disk is told`() async throws {
            try await withTestLoop { loop in
                let full = open("/dev/full", O_WRONLY)
                defer { close(full) }
                let output = try await StandardOutput.open(.output.of(full), on: loop)
                try await output.write("text")
                let error = await expectError(.outOfSpace) { try await output.flush() }
                #expect(error?.subject == "standard output")
                try await output.close()
            }
        }

        // MARK: Terminals

        @Test func `a terminal is read and written, and nobody else notices`() async throws {
            try await withTestLoop { loop in
                let pseudo = try PseudoTerminal()
                let input = try await StandardInput.open(.input.of(pseudo.inner), on: loop)
                let output = try await StandardOutput.open(.output.of(pseudo.inner), on: loop)
                pseudo.type("typed\n")
                var lines = input.lines.makeAsyncIterator()
                #expect(try await lines.next() == "typed")
                pseudo.expectShown("typed\r\n")
                try await output.write("shown")
                try await output.flush()
                pseudo.expectShown("shown")
                #expect(fcntl(pseudo.inner, F_GETFL) & O_NONBLOCK == 0)
                // Control-D.
                pseudo.type("\u{4}")
                #expect(try await lines.next() == nil)
                try await input.close()
                try await output.close()
                #expect(fcntl(pseudo.inner, F_GETFL) & O_NONBLOCK == 0)
            }
        }

        @Test func `the last words of a terminal that hangs up are all read`() async throws {
            // libuv before 1.52 takes a short read together with the hang-up for the end.
            try await withTestLoop { loop in
                for _ in 0..<20 {
                    var outer: Int32 = -1
                    var inner: Int32 = -1
                    try #require(openpty(&outer, &inner, nil, nil, nil) == 0)
                    let text = (0..<600).map { "\($0)\n" }.joined()
                    #expect(Glibc.write(inner, text, text.utf8.count) == text.utf8.count)
                    close(inner)
                    let screen = try await PipeStream.adopting(descriptor: outer, on: loop)
                    var lines: [String] = []
                    for try await line in screen.inbound.lines { lines.append(line) }
                    #expect(lines == (0..<600).map { "\($0)" })
                    try await screen.close()
                }
            }
        }

        // MARK: What people get wrong

        @Test func `two uses at once are one too many, in the whole process`() async throws {
            try await withTestRuntime(threads: 2) { runtime in
                let (near, far) = try PipeStreamTests.rawPipe()
                defer { for descriptor in [near, far] { close(descriptor) } }
                let input = try await StandardInput.open(.input.of(near), on: runtime.loops[0])
                for loop in runtime.loops {
                    let error = await expectError(.busy) {
                        _ = try await StandardInput.open(.input.of(near), on: loop)
                    }
                    #expect(error?.subject == "standard input")
                }
                // The others are theirs.
                let output = try await StandardOutput.open(.output.of(far), on: runtime.loops[1])
                let error = try await StandardError.open(.error.of(far), on: runtime.loops[1])
                for stream in [input, output, error] { try await stream.close() }
                try await StandardInput.open(.input.of(near), on: runtime.loops[1]).close()
            }
        }

        @Test func `what is closed, a folder or the other way round is refused`() async throws {
            try await withTestLoop { loop in
                let (near, far) = try PipeStreamTests.rawPipe()
                let folder = open("/", O_RDONLY)
                // One of the loop's own.
                let events = ResourceCheck.openDescriptors().first {
                    $0.value.hasPrefix("anon_inode")
                }
                let event = dup(Int32(try #require(events).key))
                defer { for descriptor in [near, far, folder, event] { close(descriptor) } }
                for (descriptor, code) in [
                    (1 << 20, IOError.Code.invalidArgument), (folder, .wrongFileType),
                    (event, .wrongFileType), (far, .invalidArgument),
                ] {
                    let error = await expectError(code) {
                        _ = try await StandardInput.open(.input.of(descriptor), on: loop)
                    }
                    #expect(error?.subject == "standard input")
                }
                let error = await expectError(.invalidArgument) {
                    _ = try await StandardOutput.open(.output.of(near), on: loop)
                }
                #expect(error?.reason == "it is not open for writing")
                var limits = StreamLimits()
                limits.unreadHighWater = -1
                let wrong = limits
                await expectError(.invalidArgument) {
                    _ = try await StandardInput.open(.input.of(near), on: loop, limits: wrong)
                }
                // None of them holds the use.
                try await StandardInput.open(.input.of(near), on: loop).close()
            }
        }
    }
}
