import Glibc
import Heddle
import SystemPackage
import TestSupport
import Testing

/// The samples beside programs that others have written: socat, inotify-tools, bash, dnsmasq.
@Suite(.together, .serialized, .timeLimit(.minutes(2)))
struct SampleCounterpartTests {
    /// Runs `body` on a loop of its own.
    private func onLoop<T: Sendable>(
        _ body: @escaping @Sendable (EventLoop) async throws -> T
    ) async throws -> T {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            return try await loop.task { try await body(loop) }.value
        }
    }

    @Test(
        .enabled(if: Socat.path != nil, "socat(1) is not installed"),
        arguments: [("TCPEcho", "TCP"), ("TCPEchoHandler", "TCP"), ("UDPEcho", "UDP")])
    func `socat gets its bytes back from the echo servers`(
        name: String, protocol: String
    ) async throws {
        let sample = try SampleProcess(name, "127.0.0.1:0")
        let address = try "\(`protocol`):\(sample.listeningAddress())"
        try await onLoop { loop in
            try await Socat.expectEcho(of: ["one", "three"], at: address, on: loop)
        }
    }

    // MARK: Watching

    /// Each is an event of its own for both; the sample has a file's last of 20 ms.
    private static let steps: [(String, @Sendable (FilePath) -> Int32)] = [
        ("CREATE", { mkdir($0.string, 0o700) }), ("ATTRIB", { chmod($0.string, 0o750) }),
        ("DELETE", { rmdir($0.string) }), ("CREATE", { close(creat($0.string, 0o600)) }),
        ("MODIFY", { truncate($0.string, 5) }), ("DELETE", { unlink($0.string) }),
    ]

    private static let words = [
        "CREATE": "created", "ATTRIB": "changed", "MODIFY": "changed", "DELETE": "removed",
    ]

    @Test(
        .enabled(
            if: access("/usr/bin/inotifywait", X_OK) == 0, "inotify-tools is not installed"))
    func `the folder watch tells what inotifywait tells`() async throws {
        try await onLoop { loop in
            try await loop.files.withTemporaryDirectory { folder in
                let sample = try SampleProcess("FolderWatch", folder.string)
                #expect(try sample.line() == "watching \(folder)")
                var configuration = ChildProcess.Configuration(
                    .name("inotifywait"),
                    arguments: ["-m", "--format", "%e %w%f", folder.string]
                        + ["create", "delete", "modify", "attrib"].flatMap { ["-e", $0] })
                configuration.standardOutput = .stream
                configuration.standardError = .combinedWithOutput
                configuration.timeout = .seconds(60)
                let child = try await ChildProcess.spawn(configuration, on: loop)
                var lines = child.standardOutput!.inbound.lines.makeAsyncIterator()
                while let line = try await lines.next(), line != "Watches established." {}
                let path = folder.appending("it")
                for (event, step) in Self.steps {
                    #expect(step(path) == 0)
                    let theirs = try await lines.next()?.replacing(",ISDIR", with: "")
                    #expect(theirs == "\(event) \(path)")
                    #expect(try sample.line() == "\(Self.words[event]!) \(path)")
                }
                await child.terminate()
            }
        }
    }

    // MARK: Programs

    @Test func `the supervisor ends what bash has left in the background`() async throws {
        let folder = "/tmp/heddle-sample-\(UInt64.random(in: 0 ... .max))"
        #expect(mkfifo(folder, 0o600) == 0)
        defer { unlink(folder) }
        let pipe = open(folder, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        defer { close(pipe) }
        let script =
            "sleep 1000 >'\(folder)' & exec 8>'\(folder)'; echo \"left $(jobs -p | wc -l)\"; wait"
        let sample = try SampleProcess("Supervise", "1", "bash", "-c", script)
        let lines = try sample.remainingLines()
        #expect(lines.first == "1: left 1")
        #expect(lines.last?.hasSuffix("): it did not end within 1 s") == true)
        // The last that could write has gone: not only bash.
        var ready = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
        #expect(poll(&ready, 1, SampleProcess.patienceMilliseconds) == 1)
        #expect(ready.revents == Int16(POLLHUP))
    }

    @Test func `the line count agrees with wc`() async throws {
        try await onLoop { loop in
            try await loop.files.withTemporaryDirectory { folder in
                for number in 0..<20 {
                    try await loop.files.replace(
                        folder.appending("\(number)"),
                        with: String(repeating: "line\n", count: number * 37))
                }
                let theirs = try await ChildProcess.run(
                    .init(
                        .name("bash"),
                        arguments: ["-c", "cat \"$1\"/* | wc -l", "bash", folder.string]), on: loop)
                let ours = try SampleProcess("LineCount", folder.string).remainingLines().last
                #expect(
                    ours.map { "\($0.prefix { $0.isNumber })\n" }
                        == String(theirs.standardOutput))
            }
        }
    }

    // MARK: Names

    /// A network and a resolver of its own, whose only server is dnsmasq.
    private static let dnsScript = """
        set -e
        cd "$2"
        python3 -c 'import fcntl, socket, struct
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14s", b"lo", 65, b""))'
        echo 'nameserver 127.0.0.1' >resolv.conf
        echo 'hosts: dns' >nsswitch.conf
        mount --bind resolv.conf /etc/resolv.conf
        mount --bind nsswitch.conf /etc/nsswitch.conf
        dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --user=root --group=root \\
            --pid-file="$2/pid" --listen-address=127.0.0.1 --bind-interfaces --local=/test/ \\
            --address=/here.test/10.1.2.3 --address=/here.test/fd00::1 \\
            --ptr-record=3.2.1.10.in-addr.arpa,here.test --ptr-record="$3.d.f.ip6.arpa,here.test"
        trap 'kill $(cat pid)' EXIT
        "$1" here.test none.test 10.1.2.3 fd00::1
        """

    /// Whether this process may make namespaces, and there is a name server.
    private static let hasOwnNetwork: Bool = {
        guard getuid() == 0, access("/usr/sbin/dnsmasq", X_OK) == 0 else { return false }
        return Shell.run("unshare -mn true 2>&1").status == 0
    }()

    @Test(.enabled(if: hasOwnNetwork, "only root has a network of its own with dnsmasq"))
    func `names are looked up both ways at dnsmasq`() async throws {
        let lookup = try SampleProcess.path(of: "Lookup")
        let output = try await onLoop { loop in
            try await loop.files.withTemporaryDirectory { folder in
                try await loop.files.setPermissions(.init(rawValue: 0o755), of: folder)
                var configuration = ChildProcess.Configuration(
                    .name("unshare"),
                    arguments: [
                        "-mn", "bash", "-c", Self.dnsScript, "bash", lookup, folder.string,
                        (["1"] + Array(repeating: "0", count: 29)).joined(separator: "."),
                    ])
                configuration.standardError = .combinedWithOutput
                configuration.timeout = .seconds(60)
                return try await String(ChildProcess.run(configuration, on: loop).standardOutput)
            }
        }
        // Which family comes first depends on the machine's routes.
        let lines = output.replacing("fd00::1 10.1.2.3", with: "10.1.2.3 fd00::1")
            .split(separator: "\n").sorted()
        #expect(
            lines == [
                "10.1.2.3: here.test", "fd00::1: here.test", "here.test: 10.1.2.3 fd00::1",
                "look up none.test: unknown node or service (EAI_NONAME)",
            ])
    }
}
