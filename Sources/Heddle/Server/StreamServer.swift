internal import Synchronization

/// The inside of a server of streams, of whichever kind: its shares, and who serves them. Safe to use from any
/// thread.
final class StreamServer: Sendable {
    private let address: ServerAddress
    private let scope: ServerScope<ServerShare>
    private let reports: ServerReports
    /// A server is served once, on all its loops, whoever asks at the same time.
    private let serving = Atomic<Serving>(.notYet)

    private enum Serving: UInt8, AtomicRepresentable {
        case notYet, underWay, over
    }

    var statistics: ServerStatistics { reports.statistics }

    /// Puts listening sockets on their loops; they are closed if this throws.
    init(
        on address: ServerAddress, _ sockets: [ListeningSocket], loops: [EventLoop],
        placement: Placement, maximumConnections: Int, settings: StreamSettings
    ) async throws {
        let reports = ServerReports()
        let shares = loops.map {
            ServerShare(
                core: $0.core, address: address, maximumConnections: maximumConnections,
                settings: settings, placement: placement, reports: reports)
        }
        placement.setShares(shares)
        self.address = address
        scope = ServerScope(shares)
        self.reports = reports
        try await Self.place(sockets, on: shares)
    }

    private static func place(
        _ sockets: [ListeningSocket], on shares: [ServerShare]
    ) async throws {
        for (index, share) in shares.enumerated() {
            do {
                try await share.core.hop {
                    share.core.addMember(share)
                    if index < sockets.count { try share.listen(on: sockets[index]) }
                }
            } catch {
                // This socket is closed; close those that no share has yet, and what was opened before.
                for socket in sockets.dropFirst(index + 1) { socket.close() }
                for share in shares.dropFirst(index + 1) { share.abandon() }
                ServerScope(shares).beginDrain()
                throw error
            }
        }
    }

    /// Serves until the server is stopped, or the calling task cancelled.
    ///
    /// - Throws: why listening broke, after all connections have ended; ``IOError/Code/busy`` if the server is
    ///   served already, ``IOError/Code/closed`` if it was.
    func serve(_ service: ServerShare.Service, onError: ServerReports.Hook?) async throws {
        try beginServing()
        reports.onError = onError
        defer {
            // What it holds may hold the server.
            reports.onError = nil
            serving.store(.over, ordering: .releasing)
        }
        try await scope.serve { share in try await share.serve(service) }
    }

    private func beginServing() throws {
        let (isFirst, state) = serving.compareExchange(
            expected: .notYet, desired: .underWay, ordering: .acquiringAndReleasing)
        if isFirst { return }
        throw state == .over
            ? IOError(
                .closed, "serve on", on: "\(address)",
                reason: "it was served before, and has stopped")
            : IOError(.busy, "serve on", on: "\(address)", reason: "it is served already")
    }

    func stop(within grace: Duration) async throws {
        try await scope.stop(within: grace, "\(address)")
    }

    func beginDrain() {
        scope.beginDrain()
    }
}
