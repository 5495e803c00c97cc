import Heddle

/// One place where the echo service listens: a kind of server that sends back what comes. The runtime
/// that it was made on ends it.
protocol EchoListener: Sendable {
    /// What it is and where, as its line says: `tcp 127.0.0.1:7000`.
    var place: String { get }
    /// What it has sent back so far.
    var total: EchoTotal { get }

    /// Serves until the runtime has stopped it.
    ///
    /// - Throws: what listening broke with; not that it was stopped or cancelled.
    func serve() async throws
}

/// What an echo service has done: how many of a unit it served, and the bytes it sent back.
struct EchoTotal: Sendable {
    enum Unit: String {
        case connections, datagrams
    }

    let unit: Unit
    var count = 0
    var bytes: UInt64 = 0
}

/// What the command was asked to listen on.
enum EchoTarget: Sendable {
    case tcp(Endpoint)
    case udp(Endpoint)
    case unix(UnixAddress)

    /// What is counted there.
    var unit: EchoTotal.Unit {
        switch self {
        case .tcp, .unix: .connections
        case .udp: .datagrams
        }
    }

    /// - Throws: ``IOError`` that names the address; nothing is left open then.
    func listen(
        on runtime: Runtime, options: ListenOptions, usesHandler: Bool
    ) async throws -> any EchoListener {
        switch self {
        case .tcp(let endpoint):
            let server = try await runtime.listen(on: endpoint, options: options)
            return StreamEcho(
                server: server, place: "tcp \(server.localAddress)", usesHandler: usesHandler)
        case .udp(let endpoint):
            return DatagramEcho(server: try await runtime.bindUDP(to: endpoint))
        case .unix(let address):
            var unixOptions = UnixListenOptions()
            // Of such a socket one loop accepts all connections, so there are no ports to share.
            if options.balance == .roundRobin { unixOptions.balance = .roundRobin }
            return StreamEcho(
                server: try await runtime.listen(on: address, options: unixOptions),
                place: "unix \(address)", usesHandler: usesHandler)
        }
    }
}
