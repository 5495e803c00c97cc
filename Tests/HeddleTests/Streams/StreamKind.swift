import Glibc
import TestSupport
import Testing

@testable import Heddle

/// A kind of stream that the conformance suite runs over: what it is made of, and where the code that
/// uses it runs.
struct StreamKind: Sendable, Hashable, CustomTestStringConvertible {
    enum Family: String, Sendable {
        case tcpIPv4 = "TCP over IPv4"
        case tcpIPv6 = "TCP over IPv6"
        case unix = "a Unix socket"
        case unixWithDescriptors = "a Unix socket that takes descriptors"
        /// A pipe goes one way; what PipeStream makes of a descriptor that goes both ways is a stream like these.
        case pipe = "a PipeStream of an adopted socket"
    }

    enum Place: String, Sendable {
        /// A task on the stream's loop.
        case onLoop = "on its loop"
        /// A server's handler, whose cancellation reaches the stream another way.
        case inHandler = "in a server's handler"
        /// Swift's global pool: every operation hops.
        case offLoop = "off its loop"
    }

    let family: Family
    let place: Place

    var testDescription: String { "\(family.rawValue) \(place.rawValue)" }

    static let tcpIPv4 = StreamKind(family: .tcpIPv4, place: .onLoop)
    static let tcpIPv6 = StreamKind(family: .tcpIPv6, place: .onLoop)
    static let unix = StreamKind(family: .unix, place: .onLoop)
    static let inHandler = StreamKind(family: .tcpIPv4, place: .inHandler)
    static let offLoop = StreamKind(family: .tcpIPv4, place: .offLoop)
    static let unixInHandler = StreamKind(family: .unix, place: .inHandler)
    static let unixWithDescriptors = StreamKind(family: .unixWithDescriptors, place: .onLoop)
    static let pipe = StreamKind(family: .pipe, place: .onLoop)

    /// Every kind this machine has. That IPv6 is missing is reported by a test of its own.
    static let all: [StreamKind] =
        (hasIPv6 ? [tcpIPv4, tcpIPv6] : [tcpIPv4])
        + [unix, unixWithDescriptors, pipe, inHandler, unixInHandler, offLoop]

    /// Those whose peers can be reset and whose buffers can be bounded: TCP.
    static let tcp = all.filter(\.isTCP)

    var isTCP: Bool { family == .tcpIPv4 || family == .tcpIPv6 }

    /// The addresses of the loopback interface, of each family that this machine has.
    static let loopbackIPs = hasIPv6 ? ["127.0.0.1", "::1"] : ["127.0.0.1"]

    static let hasIPv6 = Loopback.hasIPv6

    var loopback: SocketAddress {
        family == .tcpIPv6
            ? SocketAddress(host: .v6(high: 0, low: 1, scope: 0), port: 0) : .loopback(port: 0)
    }

    // MARK: Making

    /// The receive buffer of a plain socket at the other end. Left to itself the kernel lets one grow to
    /// tens of megabytes, at moments of its own: what "everything is full" means would be up to it.
    static let peerBufferBytes = 128 * 1024

    /// A connection on `loop`, and its other end as a plain socket.
    func connect(
        on loop: EventLoop, options: TCPOptions = TCPOptions()
    ) async throws -> (ByteStream, RawSocket) {
        guard isTCP else {
            let (near, far) = try RawSocket.pair()
            return (try await adopt(near, on: loop, options), far)
        }
        let listener = try RawSocket.listening(
            on: loopback, receiveBufferBytes: Self.peerBufferBytes)
        defer { listener.close() }
        let near = try await TCPConnection.connect(
            to: listener.address, on: loop, options: options)
        return (near, try listener.accept())
    }

    private func adopt(
        _ socket: RawSocket, on loop: EventLoop, _ options: TCPOptions
    ) async throws -> ByteStream {
        switch family {
        case .tcpIPv4, .tcpIPv6:
            return try await TCPConnection.adopting(
                descriptor: socket.descriptor, on: loop, options: options)
        case .unix, .unixWithDescriptors:
            return try await UnixConnection.adopting(
                descriptor: socket.descriptor, on: loop, options: unixOptions(options))
        case .pipe:
            if let bytes = options.sendBufferBytes { socket.set(SO_SNDBUF, to: bytes) }
            return try await PipeStream.adopting(
                descriptor: socket.descriptor, on: loop, limits: options.limits)
        }
    }

    private func unixOptions(_ options: TCPOptions) -> UnixOptions {
        var unix = UnixOptions()
        unix.limits = options.limits
        unix.sendBufferBytes = options.sendBufferBytes
        if family == .unixWithDescriptors { unix.maximumUnclaimedDescriptors = 16 }
        return unix
    }

    /// Runs `body` where this kind says, with a connection and its other end as a plain socket, which
    /// is closed afterwards.
    func withPeer(
        options: TCPOptions = TCPOptions(), sourceLocation: SourceLocation = #_sourceLocation,
        _ body: @escaping @Sendable (ByteStream, RawSocket) async throws -> Void
    ) async throws {
        switch place {
        case .onLoop:
            try await withTestLoop(sourceLocation: sourceLocation) { loop in
                let (near, peer) = try await self.connect(on: loop, options: options)
                defer { peer.close() }
                try await body(near, peer)
            }
        case .offLoop:
            try await withTestRuntime(threads: 1, sourceLocation: sourceLocation) { runtime in
                let (near, peer) = try await self.connect(on: runtime.loops[0], options: options)
                defer { peer.close() }
                try await body(near, peer)
            }
        case .inHandler:
            try await withTestRuntime(threads: 1, sourceLocation: sourceLocation) { runtime in
                if !self.isTCP {
                    let unix = self.unixOptions(options)
                    return try await runInHandler(on: runtime, unix, sourceLocation) { server in
                        try RawSocket.connected(to: server.localAddress)
                    } _: { near, peer in
                        defer { peer.close() }
                        try await body(near, peer)
                    }
                }
                try await runInHandler(on: runtime, options, sourceLocation) { server in
                    try RawSocket.connected(
                        to: server.localAddress, receiveBufferBytes: Self.peerBufferBytes)
                } _: { near, peer in
                    defer { peer.close() }
                    try await body(near, peer)
                }
            }
        }
    }

    /// Runs `body` where this kind says, with both ends of a connection, on one loop.
    func withPair(
        options: TCPOptions = TCPOptions(), sourceLocation: SourceLocation = #_sourceLocation,
        _ body: @escaping @Sendable (ByteStream, ByteStream) async throws -> Void
    ) async throws {
        switch place {
        case .onLoop:
            try await withTestLoop(sourceLocation: sourceLocation) { loop in
                let (near, far) = try await self.connect(on: loop, options: options)
                let farEnd = try await self.adopt(far, on: loop, options)
                try await body(near, farEnd)
            }
        case .offLoop:
            // Two loops, so that the ends run at the same time.
            try await withTestRuntime(threads: 2, sourceLocation: sourceLocation) { runtime in
                let (near, far) = try await self.connect(on: runtime.loops[0], options: options)
                let farEnd = try await self.adopt(far, on: runtime.loops[1], options)
                try await body(near, farEnd)
            }
        case .inHandler:
            try await withTestRuntime(threads: 1, sourceLocation: sourceLocation) { runtime in
                if !self.isTCP {
                    let unix = self.unixOptions(options)
                    return try await runInHandler(on: runtime, unix, sourceLocation) { server in
                        try await UnixConnection.connect(
                            to: server.localAddress, on: runtime.loops[0], options: unix)
                    } _: { near, far in
                        try await body(near, far)
                    }
                }
                try await runInHandler(on: runtime, options, sourceLocation) { server in
                    try await TCPConnection.connect(
                        to: server.localAddress, on: runtime.loops[0], options: options)
                } _: { near, far in
                    try await body(near, far)
                }
            }
        }
    }
}
