// Looks names up with c-ares: a C library that opens sockets of its own, and asks whoever uses it to say when they
// are ready and when time has passed.
//
//     Resolve 127.0.0.1:5353 one.test two.test
import CCares
import Glibc
import Heddle

/// One name and what came of it. c-ares calls back on the loop's thread, inside the calls made there.
final class Lookup {
    let name: String
    var outcome: String?

    init(_ name: String) { self.name = name }

    func start(on channel: ares_channel) {
        let context = Unmanaged.passRetained(self).toOpaque()
        ares_gethostbyname(
            channel, name, AF_INET,
            { context, status, _, host in
                let lookup = Unmanaged<Lookup>.fromOpaque(context!).takeRetainedValue()
                lookup.outcome =
                    host.map { Lookup.addresses(of: $0.pointee) }
                    ?? String(cString: ares_strerror(status))
            }, context)
    }

    private static func addresses(of host: hostent) -> String {
        var texts: [String] = []
        var next = host.h_addr_list!
        while let address = next.pointee {
            var text = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
            if let shown = inet_ntop(host.h_addrtype, address, &text, socklen_t(text.count)) {
                texts.append(String(cString: shown))
            }
            next += 1
        }
        return texts.joined(separator: " ")
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

/// Looks all names up at once.
func resolve(_ names: [String], from servers: String, on loop: EventLoop) async throws -> [String] {
    var channel: ares_channel?
    guard ares_init(&channel) == ARES_SUCCESS, let channel else { return [] }
    // Whatever is still under way is called back, with ARES_EDESTRUCTION.
    defer { ares_destroy(channel) }
    ares_set_servers_ports_csv(channel, servers)
    let lookups = names.map(Lookup.init)
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
    return lookups.map { "\($0.name): \($0.outcome!)" }
}

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count > 1, let servers = arguments.first else {
    print("usage: Resolve HOST:PORT NAME...")
    exit(2)
}
let names = Array(arguments.dropFirst())
let lines = try await Runtime.run(.init(threads: 1)) { runtime in
    let loop = runtime.nextLoop
    return try await loop.task { try await resolve(names, from: servers, on: loop) }.value
}
lines.forEach { print($0) }
