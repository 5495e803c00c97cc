import Heddle

/// One client of a load: keeps requests in flight to the server and checks what comes back. Its methods
/// run as tasks on its loop.
protocol LoadClient: Sendable {
    /// Sends and checks until the end has come and everything sent is answered, or lost for good.
    ///
    /// - Throws: ``CommandFailure`` or ``IOError`` if the server is lost or sends what is wrong.
    func run() async throws

    func close() async throws
}

/// The echo server that a load is for.
enum LoadTarget: Sendable, CustomStringConvertible {
    case tcp(Endpoint)
    case udp(Endpoint)
    case unix(UnixAddress)

    var description: String {
        switch self {
        case .tcp(let endpoint), .udp(let endpoint): "\(endpoint)"
        case .unix(let address): "\(address)"
        }
    }

    /// Whether requests and replies may be lost on the way.
    var isLossy: Bool {
        switch self {
        case .tcp, .unix: false
        case .udp: true
        }
    }

    /// - Throws: ``IOError`` that names the address.
    func connect(_ brief: LoadBrief, on loop: EventLoop) async throws -> any LoadClient {
        switch self {
        case .tcp(let endpoint):
            LoadConnection(
                connection: try await TCPConnection.connect(
                    to: endpoint, on: loop, options: brief.plan.connectionOptions),
                brief: brief)
        case .udp(let endpoint):
            LoadSocket(
                socket: try await UDPSocket.connect(
                    to: endpoint, on: loop, options: brief.plan.datagramOptions),
                clock: loop.clock, brief: brief)
        case .unix(let address):
            LoadConnection(
                connection: try await UnixConnection.connect(
                    to: address, on: loop, options: brief.plan.unixOptions),
                brief: brief)
        }
    }
}

/// What a load gives each of its clients.
struct LoadBrief: Sendable {
    /// From 1 on, for people.
    let number: Int
    let plan: LoadPlan
    let pattern: LoadPattern
    /// That of the client's loop.
    let recorder: LoadRecorder
    let end: LoadEnd

    /// Compares what came with what this client sent from `offset` on.
    ///
    /// - Throws: ``CommandFailure`` that names the first byte that differs.
    func check(_ bytes: Bytes, at offset: Int) throws(CommandFailure) {
        guard let place = pattern.firstDifference(in: bytes, of: number, from: offset) else {
            return
        }
        let expected = pattern.byte(of: number, at: offset + place)
        throw CommandFailure(
            "\(plan.target) sent a wrong byte: connection \(number), offset \(offset + place), "
                + "expected \(expected), got \(bytes[place])")
    }
}
