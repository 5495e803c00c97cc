import Foundation
import Heddle
import TestSupport
import Testing

/// The sample Keys in a terminal of its own, from which it is thrown out in every way.
@Suite(.together, .serialized, .timeLimit(.minutes(2)))
struct KeysTests {
    private func keys() async throws -> TerminalProcess {
        try await TerminalProcess([try SampleProcess.path(of: "Keys")])
    }

    @Test func `it shows keys and sizes until q, and leaves the terminal as it was`() async throws {
        let sample = try await keys()
        try sample.see("0 x 0\r\n")
        #expect(try await sample.mode() != sample.before)
        sample.type("a")
        try sample.see("key 61\r\n")
        sample.type("\u{1B}[A")
        try sample.see("key 1b 5b 41\r\n")
        // Control-C and Control-Z are keys.
        sample.type("\u{3}")
        try sample.see("key 3\r\n")
        sample.type("\u{1A}")
        try sample.see("key 1a\r\n")
        try await sample.stty("cols", "132", "rows", "50")
        try sample.see("132 x 50\r\n")
        sample.type("q")
        #expect(sample.exitStatus() == 0)
        #expect(try await sample.mode() == sample.before)
    }

    @Test(arguments: [
        SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP,
    ])
    func `a signal ends it, and the terminal is as it was`(signal: Int32) async throws {
        let sample = try await keys()
        try sample.see("0 x 0\r\n")
        #expect(try await sample.mode() != sample.before)
        kill(sample.pid, signal)
        #expect(sample.exitStatus() == -signal)
        #expect(try await sample.mode() == sample.before)
    }

    @Test func `a shell holds it, has its terminal, and lets it go on`() async throws {
        let program = try SampleProcess.path(of: "Keys")
        let shell = try await TerminalProcess([
            "bash", "--norc", "-m", "-c",
            "\(program); stty -a | grep -o .icanon; echo held; read x; fg; echo over; stty -a | grep -o .icanon",
        ])
        try shell.see("0 x 0\r\n")
        let raw = try await shell.mode()
        kill(-shell.front, SIGTSTP)
        try shell.see(" icanon")
        try shell.see("held")
        #expect(try await shell.mode() != raw)
        shell.type("\n")
        try shell.see("/Keys\r\n")
        shell.type("b")
        try shell.see("key 62")
        #expect(try await shell.mode() == raw)
        shell.type("q")
        try shell.see("over")
        try shell.see(" icanon")
        #expect(shell.exitStatus() == 0)
    }

    @Test func `without a terminal it says so`() throws {
        let sample = try SampleProcess("Keys")
        let line = "use the terminal of descriptor 0: inappropriate ioctl for device (ENOTTY)"
        #expect(try sample.remainingLines() == [line])
        #expect(sample.exitStatus() == 1)
    }
}
