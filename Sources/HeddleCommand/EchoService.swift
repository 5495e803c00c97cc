import Heddle

/// The echo service: where it listens and how it serves. The runtime that it was made on ends it.
struct EchoService: Sendable {
    private let listeners: [any EchoListener]

    /// Listens on every target, or on none if one fails.
    init(
        on targets: [EchoTarget], options: ListenOptions, usesHandler: Bool, of runtime: Runtime
    ) async throws {
        var listeners: [any EchoListener] = []
        for target in targets {
            listeners.append(
                try await target.listen(on: runtime, options: options, usesHandler: usesHandler))
        }
        self.listeners = listeners
    }

    /// Says where it listens and serves, until the runtime has stopped its servers.
    ///
    /// - Throws: what listening broke with.
    func run() async throws {
        for listener in listeners { Console.print("listening on \(listener.place)") }
        Console.print("ready")
        try await withThrowingDiscardingTaskGroup { group in
            for listener in listeners {
                group.addTask { try await listener.serve() }
            }
        }
    }

    /// What it has done so far, for each unit of the targets: nothing, if it did not come to serving.
    static func totals(of service: EchoService?, on targets: [EchoTarget]) -> [EchoTotal] {
        let units: [EchoTotal.Unit] = [.connections, .datagrams]
        return units.filter { unit in targets.contains { $0.unit == unit } }.map { unit in
            var sum = EchoTotal(unit: unit)
            for total in service?.listeners.map(\.total) ?? [] where total.unit == unit {
                sum.count += total.count
                sum.bytes += total.bytes
            }
            return sum
        }
    }
}
