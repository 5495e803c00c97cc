import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// FAULTS.md N1, in a process of its own, whose limit on descriptors the test may play with.
    @Suite struct DescriptorShortageTests {
        @Test func `accepting without descriptors rests, tells once, and goes on`() async {
            await #expect(processExitsWith: .success) {
                try await DescriptorShortage(balance: .reusePort, loops: 1).run()
            }
        }

        @Test func `a shortage that many loops meet is survived by each`() async {
            await #expect(processExitsWith: .success) {
                try await DescriptorShortage(balance: .reusePort, loops: 4).run()
            }
        }

        @Test func `a server stops in the middle of a shortage`() async {
            await #expect(processExitsWith: .success) {
                try await DescriptorShortage(balance: .leastConnections, loops: 2).stopInTheMiddle()
            }
        }

        @Test func `connecting and starting without descriptors are clear errors`() async {
            await #expect(processExitsWith: .success) {
                try await DescriptorShortage(balance: .reusePort, loops: 1).tryEverything()
            }
        }
    }
}

/// Takes all descriptors away from a server, and gives them back.
private struct DescriptorShortage {
    let balance: ListenOptions.Balance
    let loops: Int

    struct Failed: Error {
        let what: String
    }

    func run() async throws {
        try await withServer { server, reports, clients in
            for episode in 1...2 {
                let batch = clients[(episode - 1) * 8..<episode * 8]
                let before = try starve()
                for client in batch { try client.connect(to: server.localAddress) }
                try await until("news of episode \(episode)") { reports.count >= episode }
                let told = reports.count
                let used = try await cpuMilliseconds(during: .milliseconds(400))
                guard used < 20 * loops else { throw Failed(what: "\(used) ms of CPU at rest") }
                // News once an episode, however many loops; a descriptor that a closing connection of the
                // episode before still had makes it two.
                guard reports.count <= told + 1, reports.count <= episode * 2 else {
                    throw Failed(what: "\(reports.count) reports")
                }
                feed(before)
                let clock = ContinuousClock()
                let start = clock.now
                for client in batch {
                    guard try client.readToEnd() == Array("served".utf8) else {
                        throw Failed(what: "not served")
                    }
                }
                guard start.duration(to: clock.now) < .seconds(1) else {
                    throw Failed(what: "late")
                }
            }
            for text in reports.all where !text.contains("EMFILE") { throw Failed(what: text) }
        }
    }

    func stopInTheMiddle() async throws {
        try await withServer { server, reports, clients in
            let before = try starve()
            for client in clients { try client.connect(to: server.localAddress) }
            try await until("news") { reports.count >= 1 }
            try await server.stop(within: .milliseconds(10))
            feed(before)
        }
    }

    func tryEverything() async throws {
        let runtime = try Runtime.start(.init(threads: 1))
        let listener = try RawSocket.listening()
        let before = try starve()
        var errors: [any Error] = []
        do {
            _ = try await TCPConnection.connect(to: listener.address, on: runtime.loops[0])
        } catch {
            errors.append(error)
        }
        do { _ = try await runtime.listen(on: .loopback(port: 0)) } catch { errors.append(error) }
        do { _ = try Runtime.start(.init(threads: 1)) } catch { errors.append(error) }
        feed(before)
        let codes = errors.map { ($0 as? IOError)?.code }
        guard codes == Array(repeating: .resourcesExhausted, count: 3) else {
            throw Failed(what: "\(errors)")
        }
        try await runtime.stop()
    }

    private func withServer(
        _ body: (TCPServer, Recorder<String>, [RawSocket]) async throws -> Void
    ) async throws {
        let runtime = try Runtime.start(.init(threads: loops))
        var options = ListenOptions()
        options.balance = balance
        let server = try await runtime.listen(on: .loopback(port: 0), options: options)
        let reports = Recorder<String>()
        let served = Task {
            try await server.serve(onError: { error, _ in reports.add("\(error)") }) { connection in
                try await connection.write("served")
            }
        }
        // Descriptors for the clients are made while there are some.
        let clients = (0..<16).map { _ in
            RawSocket(socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        }
        // A connection that is served: everything the pools make once is made.
        let first = try RawSocket.connected(to: server.localAddress)
        _ = try first.readToEnd()
        first.close()
        _ = try await cpuMilliseconds(during: .milliseconds(1))
        try await body(server, reports, clients)
        try await server.stop()
        try await served.value
        try await runtime.stop()
        for client in clients { client.close() }
    }

    /// Lowers the limit to what is open now, fills the gaps, and says what they were filled with.
    private func starve() throws -> [Int32] {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let highest = ResourceCheck.openDescriptors().keys.max() ?? 0
        limit.rlim_cur = rlim_t(highest + 2)
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            throw Failed(what: "setrlimit")
        }
        var fillers: [Int32] = []
        while true {
            let filler = open("/dev/null", O_RDONLY | O_CLOEXEC)
            if filler < 0 { return fillers }
            fillers.append(filler)
        }
    }

    private func feed(_ fillers: [Int32]) {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        for filler in fillers { close(filler) }
    }

    private func until(_ what: String, _ condition: () -> Bool) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(10)
        while !condition() {
            guard clock.now < deadline else { throw Failed(what: what) }
            // Sleeps: between looks at what the kernel tells to nobody.
            try await Task.sleep(for: .milliseconds(1), clock: .continuous)
        }
    }

    /// What the process uses while it should rest.
    private func cpuMilliseconds(during time: Duration) async throws -> Int {
        let before = Self.cpuMicroseconds
        // Sleeps: between looks at what the kernel tells to nobody.
        try await Task.sleep(for: time, clock: .continuous)
        return (Self.cpuMicroseconds - before) / 1_000
    }

    private static var cpuMicroseconds: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
        return seconds * 1_000_000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
    }
}

extension RawSocket {
    fileprivate func connect(to address: SocketAddress) throws {
        let status = address.withSockaddr { Glibc.connect(descriptor, $0, $1) }
        guard status == 0 else { throw Failure(call: "connect", number: errno) }
    }
}
