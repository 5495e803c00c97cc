internal import Glibc

/// Datagram sockets: making them and setting what only they have.
// Unsafe: the system reads and writes what it is passed during the call only, within the length.
extension Socket {
    /// A new non-blocking datagram socket of the address's family, set as `options` say. Nothing is left
    /// open if this throws.
    static func datagram(
        for address: SocketAddress, options: UDPOptions, isShared: Bool = false
    ) throws -> Socket {
        let family = address.isIPv4 ? AF_INET : AF_INET6
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = Glibc.socket(family, type, 0)
        guard descriptor >= 0 else {
            throw IOError(errno: errno, "open a socket for", on: "\(address)")
        }
        let socket = Socket(descriptor: descriptor)
        do {
            if isShared { try socket.set(SO_REUSEPORT, to: 1, named: "reuse-port") }
            if options.sharesAddress { try socket.set(SO_REUSEADDR, to: 1, named: "sharesAddress") }
            if address.isIPv6 {
                try socket.set(
                    IPV6_V6ONLY, level: Int32(IPPROTO_IPV6), to: options.ipv6Only ? 1 : 0,
                    named: "ipv6Only")
            }
            try socket.apply(options, isIPv6: address.isIPv6)
        } catch {
            socket.close()
            throw error
        }
        return socket
    }

    /// Sets what may be set also on a socket that is bound.
    func apply(_ options: UDPOptions, isIPv6: Bool) throws {
        if let bytes = options.receiveBufferBytes {
            try set(SO_RCVBUF, to: bytes, named: "receiveBufferBytes")
        }
        if let bytes = options.sendBufferBytes {
            try set(SO_SNDBUF, to: bytes, named: "sendBufferBytes")
        }
        if options.allowsBroadcast { try setBroadcast(true) }
        if let hops = options.timeToLive { try setTimeToLive(hops, isIPv6: isIPv6) }
        if let hops = options.multicastTimeToLive {
            try setMulticastTimeToLive(hops, isIPv6: isIPv6)
        }
        if !options.multicastLoopback { try setMulticastLoopback(false, isIPv6: isIPv6) }
        if let name = options.multicastInterface {
            try setMulticastInterface(name, isIPv6: isIPv6)
        }
    }

    /// Has the kernel keep the errors that the network answers with, each with its destination.
    func reportErrors(isIPv6: Bool) throws {
        guard isIPv6 else {
            return try set(IP_RECVERR, level: Int32(IPPROTO_IP), to: 1, named: "reportsUnreachable")
        }
        try set(IPV6_RECVERR, level: Int32(IPPROTO_IPV6), to: 1, named: "reportsUnreachable")
        // For the IPv4 datagrams of an IPv6 socket; one that takes none may refuse.
        try? set(IP_RECVERR, level: Int32(IPPROTO_IP), to: 1, named: "reportsUnreachable")
    }

    func setBroadcast(_ isAllowed: Bool) throws {
        try set(SO_BROADCAST, to: isAllowed ? 1 : 0, named: "allowsBroadcast")
    }

    func setTimeToLive(_ hops: Int, isIPv6: Bool) throws {
        try isIPv6
            ? set(IPV6_UNICAST_HOPS, level: Int32(IPPROTO_IPV6), to: hops, named: "timeToLive")
            : set(IP_TTL, level: Int32(IPPROTO_IP), to: hops, named: "timeToLive")
    }

    // MARK: Multicast

    func setMulticastTimeToLive(_ hops: Int, isIPv6: Bool) throws {
        let (level, option) =
            isIPv6
            ? (Int32(IPPROTO_IPV6), IPV6_MULTICAST_HOPS) : (Int32(IPPROTO_IP), IP_MULTICAST_TTL)
        try set(option, level: level, to: hops, named: "multicastTimeToLive")
    }

    func setMulticastLoopback(_ isOn: Bool, isIPv6: Bool) throws {
        let (level, option) =
            isIPv6
            ? (Int32(IPPROTO_IPV6), IPV6_MULTICAST_LOOP) : (Int32(IPPROTO_IP), IP_MULTICAST_LOOP)
        try set(option, level: level, to: isOn ? 1 : 0, named: "multicastLoopback")
    }

    func setMulticastInterface(_ name: String, isIPv6: Bool) throws {
        let index = try Self.interfaceIndex(name, "set multicastInterface")
        if isIPv6 {
            return try set(
                IPV6_MULTICAST_IF, level: Int32(IPPROTO_IPV6), to: Int(index),
                named: "multicastInterface")
        }
        var request = ip_mreqn()
        request.imr_ifindex = Int32(index)
        let status = unsafe setsockopt(
            descriptor, Int32(IPPROTO_IP), IP_MULTICAST_IF, &request,
            socklen_t(MemoryLayout<ip_mreqn>.size))
        guard status == 0 else { throw IOError(errno: errno, "set multicastInterface", on: name) }
    }

    /// Joins or leaves a group, or one source of it (RFC 3678, the calls for both families).
    func changeMembership(
        joins: Bool, group: SocketAddress, source: SocketAddress?, interface: UInt32
    ) -> Int32 {
        let level = Int32(group.isIPv4 ? IPPROTO_IP : IPPROTO_IPV6)
        guard let source else {
            var request = group_req()
            request.gr_interface = interface
            request.gr_group = group.storage
            let option = joins ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP
            let status = unsafe setsockopt(
                descriptor, level, option, &request, socklen_t(MemoryLayout<group_req>.size))
            return status == 0 ? 0 : errno
        }
        var request = group_source_req()
        request.gsr_interface = interface
        request.gsr_group = group.storage
        request.gsr_source = source.storage
        let option = joins ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP
        let status = unsafe setsockopt(
            descriptor, level, option, &request, socklen_t(MemoryLayout<group_source_req>.size))
        return status == 0 ? 0 : errno
    }

    static func interfaceIndex(_ name: String, _ operation: String) throws -> UInt32 {
        // A C string would end at a NUL, and what follows it pass unseen.
        let index = name.utf8.contains(0) ? 0 : unsafe if_nametoindex(name)
        guard index != 0 else {
            throw IOError(
                .invalidArgument, operation, on: "'\(name)'", reason: "no such interface")
        }
        return index
    }

    // MARK: Counters

    /// Datagrams the kernel dropped, mostly since the receive buffer was full (SO_MEMINFO).
    var droppedDatagrams: Int {
        // SK_MEMINFO_DROPS is the ninth of as many counters (linux/sock_diag.h).
        var counters = [UInt32](repeating: 0, count: 9)
        let size = MemoryLayout<UInt32>.size
        var length = socklen_t(counters.count * size)
        let status = unsafe getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, &counters, &length)
        return status == 0 && Int(length) == counters.count * size ? Int(counters[8]) : 0
    }
}

extension SocketAddress {
    /// The address in room for one of any family.
    fileprivate var storage: sockaddr_storage {
        var storage = Socket.emptyStorage
        // Every form is shorter than the storage.
        unsafe withSockaddr { pointer, length in
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.baseAddress?.copyMemory(from: pointer, byteCount: Int(length))
            }
        }
        return storage
    }
}
