internal import Glibc

/// Addresses as the system's `sockaddr` structures.
extension SocketAddress {
    /// The address in the first `length` bytes of `storage`; nil for another family.
    init?(_ storage: sockaddr_storage) {
        var storage = storage
        let address = unsafe withUnsafeBytes(of: &storage) { unsafe SocketAddress(sockaddr: $0) }
        guard let address else { return nil }
        self = address
    }

    /// The address in the bytes of a `sockaddr`; nil for another family or too few bytes.
    init?(sockaddr bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= MemoryLayout<sockaddr_in>.size else { return nil }
        // The family leads every form, and tells which form it is; the length was checked for it.
        switch unsafe Int32(bytes.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET:
            let v4 = unsafe bytes.loadUnaligned(as: sockaddr_in.self)
            self.init(
                host: .v4(UInt32(bigEndian: v4.sin_addr.s_addr)),
                port: UInt16(bigEndian: v4.sin_port))
        case AF_INET6 where bytes.count >= MemoryLayout<sockaddr_in6>.size:
            let v6 = unsafe bytes.loadUnaligned(as: sockaddr_in6.self)
            self.init(
                host: Host(v6.sin6_addr, scope: v6.sin6_scope_id),
                port: UInt16(bigEndian: v6.sin6_port))
        default:
            return nil
        }
    }

    /// The same address with another port.
    func with(port: UInt16) -> SocketAddress {
        SocketAddress(host: host, port: port)
    }

    /// Lends the address as a `sockaddr` and its length.
    @inline(__always)
    func withSockaddr<R, E: Error>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws(E) -> R
    ) throws(E) -> R {
        switch host {
        case .v4(let number):
            var v4 = sockaddr_in()
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = port.bigEndian
            v4.sin_addr.s_addr = number.bigEndian
            return try unsafe Self.lend(v4, body)
        case .v6(let high, let low, let scope):
            var v6 = sockaddr_in6()
            v6.sin6_family = sa_family_t(AF_INET6)
            v6.sin6_port = port.bigEndian
            v6.sin6_addr = Host.address(high: high, low: low)
            v6.sin6_scope_id = scope
            return try unsafe Self.lend(v6, body)
        }
    }

    @inline(__always)
    private static func lend<T, R, E: Error>(
        _ address: T, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(E) -> R
    ) throws(E) -> R {
        try unsafe withUnsafePointer(to: address) { pointer throws(E) in
            // Every form begins with the fields of `sockaddr`.
            let head = unsafe UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self)
            return try unsafe body(head, socklen_t(MemoryLayout<T>.size))
        }
    }
}
