import Heddle
import TestSupport
import Testing

@Suite("heddle echo, bad input", .together, .timeLimit(.minutes(2)))
struct EchoCommandErrorTests {
    @Test func `a port in use is named`() async throws {
        try await withCommandLoop { loop in
            let (command, address) = try await EchoCommandTests.start(on: loop)
            let second = try await Command(["echo", "--tcp", "\(address)"], on: loop)
            expectFailure(
                try await second.outcome(),
                "heddle: listen on \(address): address already in use (EADDRINUSE)")
            command.send(15)
            _ = try await command.outcome()
        }
    }

    @Test func `a port in use for datagrams is named`() async throws {
        try await withCommandLoop { loop in
            let socket = try await UDPSocket.bind(to: .loopback(port: 0), on: loop)
            for threads in ["1", "3"] {
                let command = try await Command(
                    ["echo", "--udp", "\(socket.localAddress)", "--threads", threads], on: loop)
                expectFailure(
                    try await command.outcome(),
                    "heddle: bind to \(socket.localAddress): address already in use (EADDRINUSE)")
            }
            await socket.close()
        }
    }

    @Test func `a second listener on one address fails before anything is said`() async throws {
        try await withCommandLoop { loop in
            let (command, address) = try await EchoCommandTests.start(on: loop)
            let second = try await Command(
                ["echo", "--tcp", "127.0.0.1:0", "--tcp", "\(address)"], on: loop)
            expectFailure(
                try await second.outcome(),
                "heddle: listen on \(address): address already in use (EADDRINUSE)")
            command.send(15)
            _ = try await command.outcome()
        }
    }

    @Test(arguments: [
        ("127.0.0.1:70000", "port 70000 is not between 0 and 65535"),
        ("localhost:", "the port is missing"),
        ("nope", "the port is missing"),
        ("[::1", "the bracket is not closed"),
        (":80", "the host is missing"),
        ("127.0.0.1:-1", "'-1' is not a port number"),
        ("::1:80", "an IPv6 address needs brackets: [::1]:80"),
    ])
    func `a malformed address is named with the reason`(_ text: String, _ reason: String)
        async throws
    {
        for option in ["--tcp", "--udp"] {
            expectFailure(
                try await outcome("echo", option, text), "heddle: \(option) \(text): \(reason)")
        }
    }

    @Test(arguments: [("--tcp", "listen on"), ("--udp", "bind to")])
    func `an address of another machine is named`(_ option: String, _ operation: String)
        async throws
    {
        expectFailure(
            try await outcome("echo", option, "192.0.2.1:7000"),
            "heddle: \(operation) 192.0.2.1:7000: address not available (EADDRNOTAVAIL)")
    }

    @Test(arguments: ["--tcp", "--udp"])
    func `a name nobody has is named`(_ option: String) async throws {
        let outcome = try await outcome("echo", option, "no-such-host.invalid:7000")
        #expect(outcome.status == 1)
        #expect(outcome.errors.count == 1)
        #expect(outcome.errors.first?.hasPrefix("heddle: look up no-such-host.invalid: ") == true)
    }

    @Test(arguments: [
        (["--threads", "0"], "--threads 0: not between 1 and 1024"),
        (["--threads", "-1"], "--threads -1: not between 1 and 1024"),
        (["--threads", "1025"], "--threads 1025: not between 1 and 1024"),
        (["--drain-timeout", "-5s"], "--drain-timeout -5s: a duration cannot be negative"),
        (
            ["--drain-timeout", "5"],
            "--drain-timeout 5: not a duration with a unit, such as 500ms, 10s or 1m"
        ),
        (["--drain-timeout", "xs"], "--drain-timeout xs: not a duration such as 500ms, 10s or 1m"),
        (["--drain-timeout", "9000h"], "--drain-timeout 9000h: more than a year"),
        (
            ["--balance", "best"],
            "--balance best: none of reuse-port, least-connections, round-robin"
        ),
    ])
    func `an option out of bounds is named`(_ options: [String], _ message: String) async throws {
        expectFailure(
            try await outcome(["echo", "--tcp", "127.0.0.1:0"] + options), "heddle: \(message)")
    }

    @Test func `without an address it says what is missing`() async throws {
        expectFailure(
            try await outcome("echo"),
            "heddle: echo: where to listen is missing, for example --tcp 127.0.0.1:7000")
    }
}
