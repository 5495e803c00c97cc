import Glibc
import Heddle
import SystemPackage
import TestSupport
import Testing

/// Every sample does what its first lines say. One after the other, since waiting for a process blocks.
@Suite(.together, .serialized, .timeLimit(.minutes(2)))
struct SamplesTests {
    private static func answer(
        to message: Bytes, at path: String, on loop: EventLoop
    ) async throws -> Bytes {
        let connection = try await UnixConnection.connect(to: UnixAddress(path), on: loop)
        try await connection.write(message)
        let answer = try await connection.read(exactly: message.count)
        try await connection.close()
        return answer
    }

    /// Connects to a sample on a loop of its own.
    private func talk<T: Sendable>(
        to sample: SampleProcess,
        _ body: @escaping @Sendable (Endpoint, EventLoop) async throws -> T
    ) async throws -> T {
        let endpoint = try Endpoint(sample.listeningAddress())
        return try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            return try await loop.task { try await body(endpoint, loop) }.value
        }
    }

    @Test(arguments: ["TCPEcho", "TCPEchoHandler"])
    func `the echo servers give back every byte`(name: String) async throws {
        let sample = try SampleProcess(name, "127.0.0.1:0")
        let message = Bytes((0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7) })
        let answer = try await talk(to: sample) { endpoint, loop in
            let connection = try await TCPConnection.connect(to: endpoint, on: loop)
            try await connection.write(message)
            try await connection.shutdownWrite()
            let answer = try await connection.read(exactly: message.count)
            #expect(try await connection.read() == nil)
            try await connection.close()
            return answer
        }
        #expect(answer == message)
        if name == "TCPEchoHandler" { #expect(try sample.line() == "closed after 100000 bytes") }
    }

    @Test func `the datagram echo server gives back every datagram`() async throws {
        let sample = try SampleProcess("UDPEcho", "127.0.0.1:0")
        try await talk(to: sample) { endpoint, loop in
            let socket = try await UDPSocket.connect(to: endpoint, on: loop)
            for size in [0, 1, 64, 1_400, 65_507] {
                let message = Bytes(repeatElement(7, count: size))
                try await socket.send(message)
                let answer = try await withTimeout(.seconds(30)) { try await socket.receive() }
                #expect(answer.bytes == message)
            }
            let many = (0..<100).map { Datagram(Bytes("\($0)")) }
            #expect(try await socket.send(many).isEmpty)
            for datagram in many {
                let answer = try await withTimeout(.seconds(30)) { try await socket.receive() }
                #expect(answer.bytes == datagram.bytes)
            }
            await socket.close()
        }
    }

    @Test func `members of the chat room hear the others`() async throws {
        let sample = try SampleProcess("ChatRoom", "127.0.0.1:0")
        try await talk(to: sample) { endpoint, loop in
            let ann = try await TCPConnection.connect(to: endpoint, on: loop)
            var annHears = ann.inbound.lines.makeAsyncIterator()
            try await ann.write("ann\n")
            #expect(try await annHears.next() == "* ann came, 1 here")

            let second = try await TCPConnection.connect(to: endpoint, on: loop)
            try await second.write("ann\n")
            var secondHears = second.inbound.lines.makeAsyncIterator()
            #expect(try await secondHears.next() == "* ann is here already")
            #expect(try await secondHears.next() == nil)

            let bob = try await TCPConnection.connect(to: endpoint, on: loop)
            try await bob.write("bob\nhello\n")
            #expect(try await annHears.next() == "* bob came, 2 here")
            #expect(try await annHears.next() == "bob: hello")
            try await bob.close()
            #expect(try await annHears.next() == "* bob left, 1 here")
        }
    }

    @Test func `the time server answers each command`() async throws {
        let sample = try SampleProcess("TimeServer", "127.0.0.1:0")
        let answers = try await talk(to: sample) { endpoint, loop in
            let connection = try await TCPConnection.connect(to: endpoint, on: loop)
            try await connection.write("time\nuptime\nbeat 2\nbeat 0\nquit\ntime\n")
            var answers: [String] = []
            for try await answer in connection.inbound.lines { answers.append(answer) }
            return answers
        }
        #expect(answers.count == 5)
        let isTime = { (text: String) in text.count == 8 && text.split(separator: ":").count == 3 }
        #expect(answers.count > 4 && [0, 2, 3].allSatisfy { isTime(answers[$0]) })
        #expect(answers.dropFirst().first?.hasSuffix(" s") == true)
        #expect(answers.last == "? time, uptime, beat 1...100, quit")
    }

    @Test func `the server of hard work answers, and tells its load`() async throws {
        let sample = try SampleProcess("BlockingWork", "127.0.0.1:0")
        let answers = try await talk(to: sample) { endpoint, loop in
            let connection = try await TCPConnection.connect(to: endpoint, on: loop)
            try await connection.write("secret\nsecret\nother\nload\n")
            try await connection.shutdownWrite()
            var answers: [String] = []
            for try await answer in connection.inbound.lines { answers.append(answer) }
            return answers
        }
        #expect(answers.count == 4 && answers.last == "0 running, 0 queued, 3 completed")
        #expect(answers.count == 4 && answers[0] == answers[1] && answers[0] != answers[2])
    }

    @Test func `words are counted on every loop and logged in one place`() async throws {
        let sample = try SampleProcess("WordCount", "127.0.0.1:0")
        let total = try await talk(to: sample) { endpoint, loop in
            // More connections than the sample has loops.
            for _ in 0..<8 {
                let connection = try await TCPConnection.connect(to: endpoint, on: loop)
                try await connection.write("a b a\ntotal none\n")
                var lines = connection.inbound.lines.makeAsyncIterator()
                #expect(try await lines.next() == "0")
                try await connection.close()
            }
            let last = try await TCPConnection.connect(to: endpoint, on: loop)
            try await last.write("total a\n")
            var lines = last.inbound.lines.makeAsyncIterator()
            return try await lines.next()
        }
        #expect(total == "16")
        for _ in 0..<8 { #expect(try sample.line() == "3 words") }
    }

    @Test func `the client prints what the server answers`() throws {
        let server = try SampleProcess("TimeServer", "127.0.0.1:0")
        let client = try SampleProcess("Client", try server.listeningAddress(), "beat 2", "what")
        let lines = try client.remainingLines()
        #expect(lines.count == 3)
        #expect(lines.last == "? time, uptime, beat 1...100, quit")
        #expect(client.exitStatus() == 0)
    }

    @Test func `the client names an address it cannot reach`() throws {
        let client = try SampleProcess("Client", "127.0.0.1:1")
        let refused = "connect to 127.0.0.1:1: connection refused (ECONNREFUSED)"
        #expect(try client.remainingLines() == [refused])
        #expect(client.exitStatus() == 1)
    }

    @Test func `the line count counts the files in a folder, and names what it cannot read`()
        async throws
    {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let files = runtime.nextLoop.files
            try await files.withTemporaryDirectory { folder in
                try await files.createDirectory(folder.appending("inner"))
                try await files.replace(folder.appending("inner/two"), with: "a\nb\n")
                try await files.replace(folder.appending("three"), with: "a\nb\nc\nd")
                let sample = try SampleProcess("LineCount", folder.string)
                let lines = try sample.remainingLines()
                #expect(lines.last == "5 in all")
                let counts = ["2 \(folder)/inner/two", "3 \(folder)/three"]
                #expect(Set(lines.dropLast()) == Set(counts))
                #expect(sample.exitStatus() == 0)
            }
        }
    }

    @Test func `the folder watch tells what happens, and ends with the folder`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let files = runtime.nextLoop.files
            try await files.withTemporaryDirectory { outer in
                let folder = outer.appending("watched")
                let missing = try SampleProcess("FolderWatch", folder.appending("file").string)
                #expect(try missing.line() == "watch \(folder): no such file or directory (ENOENT)")
                try await files.createDirectory(folder)
                let sample = try SampleProcess("FolderWatch", folder.string)
                #expect(try sample.line() == "watching \(folder)")
                let file = folder.appending("file")
                try await files.createDirectory(file)
                #expect(try sample.line() == "created \(file)")
                try await files.setPermissions([.ownerReadWriteExecute, .groupRead], of: file)
                #expect(try sample.line() == "changed \(file)")
                try await files.remove(file)
                #expect(try sample.line() == "removed \(file)")
                try await files.remove(folder)
                #expect(try sample.line() == "removed \(folder)")
                #expect(sample.exitStatus() == 0)
            }
        }
    }

    @Test func `the file server sends what lies in its folder, and nothing else`() async throws {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            try await loop.files.withTemporaryDirectory { outer in
                let folder = outer.appending("public")
                try await loop.files.createDirectory(folder.appending("inner"), withParents: true)
                let page = String(repeating: "<p>a line</p>\n", count: 100_000)
                try await loop.files.replace(folder.appending("inner/page"), with: page)
                try await loop.files.replace(outer.appending("secret"), with: "secret")
                let sample = try SampleProcess("StaticFiles", folder.string, "127.0.0.1:0")
                let endpoint = try Endpoint(sample.listeningAddress())
                @Sendable func ask(_ request: String) async throws -> String {
                    let connection = try await TCPConnection.connect(to: endpoint, on: loop)
                    try await connection.write(request + "\r\nHost: me\r\n\r\n")
                    var pieces: [Bytes] = []
                    for try await bytes in connection.inbound { pieces.append(bytes) }
                    return pieces.map { String($0) }.joined()
                }
                let head = "HTTP/1.0 200 OK\r\nContent-Length: \(page.utf8.count)\r\n\r\n"
                #expect(try await ask("GET /inner/page HTTP/1.0") == head + page)
                #expect(try await ask("HEAD /inner/page?query HTTP/1.0") == head)
                for missing in ["/none", "/", "/inner", "/inner/page/deeper"] {
                    let text = try await ask("GET \(missing) HTTP/1.0")
                    #expect(text.hasPrefix("HTTP/1.0 404 "), "\(missing)")
                }
                for wrong in ["GET /../secret", "GET /inner/../../secret", "PUT /x", "", "GET"] {
                    let text = try await ask(wrong)
                    #expect(text.hasPrefix("HTTP/1.0 400 "), "\(wrong)")
                }
            }
        }
    }

    @Test func `names and addresses are looked up both ways, and what is not found is told`() throws
    {
        let sample = try SampleProcess("Lookup", "localhost", "127.0.0.1", "two words")
        let lines = try sample.remainingLines().sorted()
        #expect(lines.count == 3)
        #expect(lines.first?.hasPrefix("127.0.0.1: localhost") == true)
        #expect(lines.contains { $0.hasPrefix("localhost: ") && $0.contains("127.0.0.1") })
        #expect(lines.contains { $0.contains("'two words:0'") })
        #expect(sample.exitStatus() == 0)
        let missing = try SampleProcess("Lookup")
        #expect(try missing.remainingLines() == ["usage: Lookup NAME-OR-ADDRESS..."])
        #expect(missing.exitStatus() == 2)
    }

    @Test func `the background worker's failure reaches who waits and who stops it later`() throws {
        let sample = try SampleProcess("BackgroundWorker")
        let readings = (1...3).map { "reading \($0) on sensor" }
        let ends = ["waited", "stopped"].map { "\($0): sensor lost after 3 readings" }
        #expect(try sample.remainingLines() == readings + ends)
        #expect(sample.exitStatus() == 0)
    }

    @Test func `the graceful echo server heeds its signals`() async throws {
        // The test waits for its task on the loop: one of them reads at a time.
        nonisolated(unsafe) let sample = try SampleProcess("GracefulEcho", "127.0.0.1:0")
        let pid = sample.pid
        try await talk(to: sample) { endpoint, loop in
            let connection = try await TCPConnection.connect(to: endpoint, on: loop)
            try await connection.write("before")
            #expect(try await connection.read(exactly: 6) == "before")
            kill(pid, SIGHUP)
            #expect(try sample.line() == "SIGHUP: 1 connections so far")
            kill(pid, SIGTERM)
            // The connection goes on while the server drains.
            try await connection.write("after")
            #expect(try await connection.read(exactly: 5) == "after")
            try await connection.close()
        }
        #expect(try sample.remainingLines() == ["stopped in order"])
        #expect(sample.exitStatus() == 0)
    }

    @Test func `the echo server on a Unix socket answers socat, and takes its path along`()
        async throws
    {
        let path = "/tmp/heddle-sample-\(UInt64.random(in: 0 ... .max))"
        let sample = try SampleProcess("UnixEcho", path)
        #expect(try sample.line() == "listening on \(path)")
        #expect(access(path, W_OK) == 0)
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            try await loop.task {
                // A client that knows nothing of Heddle, where there is one.
                let hasSocat = access("/usr/bin/socat", X_OK) == 0
                let answer =
                    hasSocat
                    ? try await ChildProcess.run(
                        .init(
                            .name("socat"), arguments: ["-t", "30", "-", "UNIX-CONNECT:\(path)"]),
                        on: loop, input: "over and back"
                    ).standardOutput
                    : try await Self.answer(to: "over and back", at: path, on: loop)
                #expect(answer == "over and back")
            }.value
        }
        #expect(try sample.line() == "user \(getuid()) came")
        kill(sample.pid, SIGTERM)
        #expect(try sample.remainingLines() == ["stopped in order"])
        #expect(sample.exitStatus() == 0)
        #expect(access(path, F_OK) != 0)
    }

    @Test func `the sink prints what socat and logger send, with who sent it`() async throws {
        let path = "/tmp/heddle-sample-\(UInt64.random(in: 0 ... .max))"
        let sample = try SampleProcess("LogSink", path)
        #expect(try sample.line() == "listening on \(path)")
        try await Runtime.run(.init(threads: 1)) { runtime in
            let socat = try #require(Socat.path)
            let outcome = try await ChildProcess.run(
                .init(.path(socat), arguments: ["-", "UNIX-SENDTO:\(path)"]),
                on: runtime.nextLoop, input: "from socat")
            #expect(outcome.terminationStatus == .exited(0))
        }
        #expect(try sample.line() == "user \(getuid()): from socat")
        if access("/usr/bin/logger", X_OK) == 0 {
            try await Runtime.run(.init(threads: 1)) { runtime in
                let outcome = try await ChildProcess.run(
                    .init(
                        .name("logger"), arguments: ["--socket", path, "-d", "-t", "me", "hello"]),
                    on: runtime.nextLoop)
                #expect(outcome.terminationStatus == .exited(0))
            }
            let line = try #require(try sample.line())
            #expect(line.hasPrefix("user \(getuid()): <") && line.hasSuffix("me: hello"))
        }
        kill(sample.pid, SIGTERM)
        #expect(try sample.remainingLines() == ["stopped in order"])
        #expect(sample.exitStatus() == 0)
        #expect(access(path, F_OK) != 0)
    }

    @Test func `the supervisor numbers lines, and ends what takes too long`() throws {
        let orderly = try SampleProcess(
            "Supervise", "1000", "sh", "-c", "echo a; echo b >&2; exit 3")
        #expect(try orderly.remainingLines() == ["1: a", "2: b", "2 lines, exited with 3"])
        #expect(orderly.exitStatus() == 0)
        let slow = try SampleProcess("Supervise", "1", "sh", "-c", "echo a; sleep 1000")
        let lines = try slow.remainingLines()
        #expect(lines.first == "1: a")
        #expect(lines.last?.hasSuffix("): it did not end within 1 s") == true)
        #expect(lines.count == 2)
        #expect(slow.exitStatus() == 1)
        let missing = try SampleProcess("Supervise", "1", "/nowhere/program")
        let reason = "start /nowhere/program: no such file or directory (ENOENT)"
        #expect(try missing.remainingLines() == [reason])
    }
}
