// Looks names up with c-ares: a C library that opens sockets of its own, and asks whoever uses it to say when they
// are ready and when time has passed.
//
//     Resolve 127.0.0.1:5353 one.test two.test
//     Resolve 127.0.0.1:5353 --connect one.test:80
import CCares
import Glibc
import Heddle

/// One name and what came of it. c-ares calls back on the loop's thread, inside the calls made there.
final class Lookup {
    let name: String
    let family: Int32
    var outcome: Result<[SocketAddress], Failure>?

    /// What c-ares says.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    init(_ name: String, _ family: Int32 = AF_INET) {
        self.name = name
        self.family = family
    }

    func start(on channel: ares_channel) {
        let context = Unmanaged.passRetained(self).toOpaque()
        ares_gethostbyname(
            channel, name, family,
            { context, status, _, host in
                let lookup = Unmanaged<Lookup>.fromOpaque(context!).takeRetainedValue()
                lookup.outcome =
                    host.map { .success(Lookup.addresses(of: $0.pointee)) }
                    ?? .failure(Failure(description: String(cString: ares_strerror(status))))
            }, context)
    }

    private static func addresses(of host: hostent) -> [SocketAddress] {
        var addresses: [SocketAddress] = []
        var next = host.h_addr_list!
        while let address = next.pointee {
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            if let shown = inet_ntop(host.h_addrtype, address, &text, socklen_t(text.count)),
                let found = try? SocketAddress(ip: String(cString: shown), port: 0)
            {
                addresses.append(found)
            }
            next += 1
        }
        return addresses
    }
}

/// What c-ares waits for now: its sockets, each with what it should become.
func wanted(by channel: ares_channel) -> [(socket: Int32, events: DescriptorWatch.Events)] {
    var sockets = [ares_socket_t](repeating: ARES_SOCKET_BAD, count: Int(ARES_GETSOCK_MAXNUM))
    let bits = ares_getsock(channel, &sockets, Int32(sockets.count))
    return sockets.enumerated().compactMap { index, socket in
        var events: DescriptorWatch.Events = []
        if bits & (1 << index) != 0 { events.insert(.readable) }
        if bits & (1 << (index + Int(ARES_GETSOCK_MAXNUM))) != 0 { events.insert(.writable) }
        return events.isEmpty ? nil : (socket, events)
    }
}

/// How long c-ares wants to wait at most.
func patience(of channel: ares_channel) -> Duration {
    var longest = timeval(tv_sec: 1, tv_usec: 0)
    var time = timeval()
    guard let time = ares_timeout(channel, &longest, &time)?.pointee else { return .seconds(1) }
    return .seconds(time.tv_sec) + .microseconds(Int64(time.tv_usec))
}

/// Waits for the first of the sockets that is ready; nil when the time has passed.
func firstReady(
    of sockets: [(socket: Int32, events: DescriptorWatch.Events)], within limit: Duration,
    on loop: EventLoop
) async throws -> (socket: Int32, events: DescriptorWatch.Events)? {
    try await withThrowingTaskGroup(of: (Int32, DescriptorWatch.Events)?.self) { group in
        for (socket, events) in sockets {
            let watch = try await DescriptorWatch.start(socket, on: loop)
            group.addTask {
                // c-ares may close its socket at any time: the watch has a duplicate, and ends here.
                do {
                    let ready = try await watch.wait(for: events)
                    await watch.close()
                    return (socket, ready)
                } catch {
                    await watch.close()
                    throw error
                }
            }
        }
        group.addTask {
            try await loop.clock.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        return try await group.next() ?? nil
    }
}

/// Waits until all look-ups have come to something.
func finish(_ lookups: [Lookup], from servers: String, on loop: EventLoop) async throws {
    var channel: ares_channel?
    guard ares_init(&channel) == ARES_SUCCESS, let channel else {
        throw Lookup.Failure(description: "c-ares does not start")
    }
    // Whatever is still under way is called back, with ARES_EDESTRUCTION.
    defer { ares_destroy(channel) }
    ares_set_servers_ports_csv(channel, servers)
    for lookup in lookups { lookup.start(on: channel) }
    while lookups.contains(where: { $0.outcome == nil }) {
        let ready = try await firstReady(
            of: wanted(by: channel), within: patience(of: channel), on: loop)
        // Without a socket that is ready, c-ares looks at its deadlines alone.
        let events = ready?.events ?? []
        ares_process_fd(
            channel, events.contains(.readable) ? ready!.socket : ARES_SOCKET_BAD,
            events.contains(.writable) ? ready!.socket : ARES_SOCKET_BAD)
    }
}

/// A resolver for Heddle's connections: both families at once, IPv6 first.
struct CAresResolver: HostResolver {
    let servers: String

    func addresses(of host: String, on loop: EventLoop) async throws -> [SocketAddress] {
        let lookups = [Lookup(host, AF_INET6), Lookup(host, AF_INET)]
        try await finish(lookups, from: servers, on: loop)
        let found = lookups.flatMap { (try? $0.outcome?.get()) ?? [] }
        // One family may have none; the error is that of the other.
        if found.isEmpty { _ = try lookups[1].outcome?.get() }
        return found
    }
}

/// A line on each name.
func resolve(_ names: [String], from servers: String, on loop: EventLoop) async throws -> [String] {
    let lookups = names.map { Lookup($0) }
    try await finish(lookups, from: servers, on: loop)
    return lookups.map { lookup in
        switch lookup.outcome {
        case .success(let found): "\(lookup.name): \(found.map(\.ip).joined(separator: " "))"
        case .failure(let failure): "\(lookup.name): \(failure)"
        case nil: "\(lookup.name): nothing"
        }
    }
}

/// A line on a connection to a host by its name.
func connect(to text: String, from servers: String, on loop: EventLoop) async -> [String] {
    do {
        let connection = try await TCPConnection.connect(
            to: Endpoint(text), on: loop, timeout: .seconds(5),
            resolver: CAresResolver(servers: servers))
        defer { connection.reset() }
        return ["\(text): connected to \(connection.remoteAddress?.ip ?? "nobody")"]
    } catch {
        return ["\(text): \(error)"]
    }
}

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count > 1, let servers = arguments.first else {
    print("usage: Resolve HOST:PORT NAME...")
    print("       Resolve HOST:PORT --connect NAME:PORT")
    exit(2)
}
let rest = Array(arguments.dropFirst())
let lines = try await Runtime.run(.init(threads: 1)) { runtime in
    let loop = runtime.nextLoop
    return try await loop.task {
        rest.first == "--connect"
            ? await connect(to: rest.last!, from: servers, on: loop)
            : try await resolve(rest, from: servers, on: loop)
    }.value
}
lines.forEach { print($0) }
