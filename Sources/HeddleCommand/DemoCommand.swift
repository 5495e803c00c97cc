import ArgumentParser
import Heddle

/// `heddle demo`: an echo server and a load on it in one process, and how everything ends.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract:
            "Run an echo server and a load on it for three seconds, then take everything down.",
        discussion: """
            One runtime with an event loop per CPU serves an async/await echo and drives 50 connections \
            to it. Then it stops, and shows in which order what was torn down.
            """)

    private static let plan = (connections: 50, size: 64, seconds: 3)

    func run() throws {
        let runtime = try Runtime.start()
        let teardown = Teardown()
        runtime.loops[0].task {
            do {
                try await serveAndLoad(on: runtime, teardown)
            } catch {
                teardown.failed(error)
                runtime.requestStop(within: .zero)
            }
        }
        try runtime.waitUntilStopped()
        teardown.happened("threads ended", count: runtime.loops.count)
        try teardown.throwIfFailed()
        let style = Style.forOutput
        Console.print("\n\(style.bold("Torn down, in this order"))\n")
        teardown.lines(style: style).forEach(Console.print)
    }

    private func serveAndLoad(on runtime: Runtime, _ teardown: Teardown) async throws {
        let style = Style.forOutput
        let server = try await runtime.listen(on: .loopback(port: 0))
        let echo = StreamEcho(
            server: server, place: "tcp \(server.localAddress)", usesHandler: false)
        runtime.loops[0].task { try await echo.serve() }
        announce(server, runtime, style)

        let plan = LoadPlan(
            target: .tcp(try Endpoint("\(server.localAddress)")),
            connections: Self.plan.connections,
            size: Self.plan.size, depth: 1, duration: .seconds(Self.plan.seconds))
        let load = try await Load(plan, on: runtime)
        let result = try await load.run()
        result.lines(style: style).forEach(Console.print)

        teardown.begin(of: runtime, serving: server)
        // The server listens no more, and its connections drain as its clients leave.
        runtime.requestStop()
        try await load.close { teardown.happened("client connections closed") }
    }

    private func announce(_ server: TCPServer, _ runtime: Runtime, _ style: Style) {
        let loops = Text.count(runtime.loops.count, "event loop")
        Console.print(
            """
            \(style.bold("heddle demo"))  async/await echo at \(server.localAddress), \(loops)
            \(Self.plan.connections) connections, \(Self.plan.size)-byte messages, \
            \(Self.plan.seconds) seconds, every byte checked

            """)
    }
}
