import Glibc
import Heddle
import SystemPackage
import TestSupport
import Testing

/// The sample Filter in the pipelines of a real shell, with each kind of input and output that a shell gives.
@Suite(.together, .serialized, .timeLimit(.minutes(2)))
struct FilterTests {
    /// What bash makes of a line in which `$F` is the filter; `$D` is an empty folder.
    private func bash(_ line: String, input: Bytes = Bytes()) async throws -> (
        status: TerminationStatus, output: String, errors: String
    ) {
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            return try await loop.files.withTemporaryDirectory { folder in
                let filter = try SampleProcess.path(of: "Filter")
                var configuration = ChildProcess.Configuration(
                    .name("bash"), arguments: ["-c", "F=\(filter); D=\(folder); \(line)"])
                configuration.timeout = .seconds(60)
                let result = try await ChildProcess.run(configuration, on: loop, input: input)
                return (
                    result.terminationStatus, String(result.standardOutput),
                    String(result.standardError)
                )
            }
        }
    }

    @Test(arguments: [
        ("printf 'a\\nb' | $F", "1\ta\n2\tb\n"),
        ("$F <<< here", "1\there\n"),
        ("$F </dev/null", ""),
        (": >$D/empty; $F <$D/empty", ""),
        ("seq 3 >$D/file; $F <$D/file", "1\t1\n2\t2\n3\t3\n"),
        ("seq 100000 >$D/file; $F <$D/file | tail -n 1", "100000\t100000\n"),
        ("seq 100000 | $F >$D/file; tail -n 1 $D/file", "100000\t100000\n"),
        ("echo before >$D/file; $F <<< x >>$D/file; cat $D/file", "before\n1\tx\n"),
        ("seq 100000 | $F | $F | tail -n 1", "100000\t100000\t100000\n"),
        ("mkfifo $D/pipe; echo one >$D/pipe & $F <$D/pipe", "1\tone\n"),
        ("printf '\\377\\n' | $F", "1\t\u{FFFD}\n"),
        ("$F <<< gone >/dev/null", ""),
        ("yes | $F | head -n 1; echo ${PIPESTATUS[1]}", "1\ty\n0\n"),
        ("seq 1000000 >$D/x; $F <$D/x | head -n 1", "1\t1\n"),
    ])
    func `it numbers what a shell gives it, to whoever reads`(
        line: String, expected: String
    ) async throws {
        let result = try await bash(line)
        #expect(result.output == expected)
        #expect(result.status == .exited(0))
        #expect(result.errors == "")
    }

    @Test(arguments: [
        ("$F <&-", "open standard input: bad file descriptor (EBADF)\n"),
        ("$F <<< x >&-", "open standard output: bad file descriptor (EBADF)\n"),
        ("$F </", "open standard input: it is a folder\n"),
        ("$F <<< x >/dev/full", "write to standard output: no space left on device (ENOSPC)\n"),
        ("$F 0>/dev/null", "open standard input: it is not open for reading\n"),
        ("$F <<< x 1</dev/null", "open standard output: it is not open for writing\n"),
        (
            "head -c 2000000 /dev/zero | $F 2>&1 >/dev/null | cat >&2; exit ${PIPESTATUS[1]}",
            "read a line from standard input: longer than 1048576 bytes\n"
        ),
        ("$F <&- >&- 2>&-", ""),
    ])
    func `what a shell gives it wrong is one error`(line: String, expected: String) async throws {
        let result = try await bash(line)
        #expect(result.output == "")
        #expect(result.errors == expected)
        #expect(result.status == .exited(1))
    }

    @Test func `the shell can still read and write where a filter was`() async throws {
        // All of them have the same descriptions; one that does not wait any more would fail in a program after it.
        let flags = "grep flags /proc/self/fdinfo/1 >&2"
        let before = try await bash("{ \(flags); $F <<< x; \(flags); } | cat")
        #expect(before.output == "1\tx\n")
        let lines = before.errors.split(separator: "\n")
        #expect(lines.count == 2 && lines.first == lines.last)
        // It takes the first line, and is ended before there is another; the shell reads that.
        let turns = """
            mkfifo $D/go; : >$D/out
            { echo 1; cat $D/go; echo 2; } | {
                $F <&0 >$D/out & p=$!
                until [ -s $D/out ]; do :; done
                kill -KILL $p; wait $p 2>/dev/null
                : >$D/go; read x; echo "$x"; cat $D/out
            }
            """
        #expect(try await bash(turns).output == "2\n1\t1\n")
        // A file with a place that all share: what was read is read.
        let file = "seq 3 >$D/file; { $F; cat; } <$D/file"
        #expect(try await bash(file).output == "1\t1\n2\t2\n3\t3\n")
    }

    @Test func `a socket as input and output at once, by socat`() async throws {
        guard access("/usr/bin/socat", X_OK) == 0 else { return }
        let result = try await bash("socat -t 30 - EXEC:$F", input: "a\nb\n")
        #expect(result.output == "1\ta\n2\tb\n")
    }
}
