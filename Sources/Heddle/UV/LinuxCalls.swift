internal import CLibuv
internal import Glibc

/// System calls that are GNU extensions, which Swift's Glibc module leaves out.
enum LinuxCalls {
    /// Takes one waiting connection off a listening socket: non-blocking and closed on exec from its
    /// first moment (accept4(2)). Not libuv's own accept: that spins when descriptors run out, and
    /// cannot hand a socket to another loop.
    ///
    /// - Returns: the descriptor, or -1 with the reason in `errno`.
    @inline(__always)
    static func accept(
        _ listener: Int32, _ peer: UnsafeMutablePointer<sockaddr>, _ length: inout socklen_t
    ) -> Int32 {
        unsafe heddle_accept4(listener, peer, &length)
    }

    /// Names the calling thread; the system keeps 15 bytes.
    static func nameThread(_ name: String) {
        var shown = ""
        // Whole characters: the system refuses what mending half a one would make too long.
        for character in name {
            guard shown.utf8.count + character.utf8.count <= 15 else { break }
            shown.append(character)
        }
        _ = unsafe heddle_name_thread(shown)
    }

    /// The CPUs the calling thread may run on (sched_getaffinity(2)).
    static func affinity() -> [Int] {
        AffinityMask.ofThread?.cpus ?? [0]
    }

    /// Keeps the calling thread on one CPU.
    static func pinThread(to cpu: Int) throws(UVError) {
        try AffinityMask(cpu: cpu).apply()
    }

    /// Takes one error off a socket's error queue (ip(7), IP_RECVERR).
    ///
    /// - Returns: its errno, 0 if it is none of the network's, nil if the queue is empty; `destination`
    ///   is where the datagram went.
    static func nextError(of descriptor: Int32, _ destination: inout sockaddr_storage) -> Int32? {
        let number = unsafe heddle_next_error(descriptor, &destination)
        return number < 0 ? nil : number
    }

    /// Whether the kernel cuts long messages of this socket up into datagrams (UDP_SEGMENT of udp(7)).
    static func canSegment(_ descriptor: Int32) -> Bool {
        // 0 is off, as it is anyway: a kernel without it does not know the option.
        var none: Int32 = 0
        return unsafe setsockopt(
            descriptor, Int32(HEDDLE_UDP_LEVEL), Int32(HEDDLE_UDP_SEGMENT), &none,
            socklen_t(MemoryLayout<Int32>.size)) == 0
    }

    /// The process, user and group at the other end of a Unix-domain socket (SO_PEERCRED of unix(7)); nil for
    /// another socket.
    static func peerCredentials(
        of descriptor: Int32
    ) -> (process: Int32, user: UInt32, group: UInt32)? {
        var found = heddle_credentials()
        guard unsafe heddle_peer_credentials(descriptor, &found) == 0 else { return nil }
        return (found.process, found.user, found.group)
    }

    /// Sends one datagram with file descriptors, at most 253, without waiting; 0, or a negative status.
    ///
    /// - Parameter address: where to; nil for where the socket is connected.
    static func send(
        _ bytes: UnsafeRawBufferPointer, with descriptors: [Int32],
        to address: (UnsafePointer<sockaddr>, socklen_t)?, from socket: Int32
    ) -> Int32 {
        let sent = unsafe heddle_send_descriptors(
            socket, bytes.baseAddress, bytes.count, descriptors, UInt32(descriptors.count),
            address?.0, address?.1 ?? 0)
        return sent >= 0 ? 0 : -errno
    }

    /// Bytes of the kernel's memory that a Unix-domain socket has sent and nobody has received.
    static func unreceivedBytes(of socket: Int32) -> Int32 {
        heddle_unreceived_bytes(socket)
    }
}
