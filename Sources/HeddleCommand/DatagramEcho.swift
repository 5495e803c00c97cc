import Heddle
import Synchronization

/// A UDP server that sends every datagram back to where it came from, over a socket for each loop.
final class DatagramEcho: EchoListener {
    private let server: UDPServer
    // All loops add to them.
    private let datagrams = Atomic<Int>(0)
    private let bytes = Atomic<UInt64>(0)

    init(server: UDPServer) {
        self.server = server
    }

    var place: String { "udp \(server.localAddress)" }

    var total: EchoTotal {
        EchoTotal(
            unit: .datagrams, count: datagrams.load(ordering: .relaxed),
            bytes: bytes.load(ordering: .relaxed))
    }

    func serve() async throws {
        try await server.serve { socket in
            for try await batch in socket.batches {
                // What cannot be sent back is its sender's affair, as with any datagram that is lost.
                self.count(batch, without: try await socket.send(batch))
            }
        }
    }

    private func count(_ batch: [Datagram], without failures: [UDPSocket.SendFailure]) {
        var size = batch.reduce(0) { $0 + $1.bytes.count }
        for failure in failures { size -= batch[failure.index].bytes.count }
        datagrams.wrappingAdd(batch.count - failures.count, ordering: .relaxed)
        bytes.wrappingAdd(UInt64(size), ordering: .relaxed)
    }
}
