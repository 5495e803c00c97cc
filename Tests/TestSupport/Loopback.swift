import Glibc

/// The addresses of the loopback interface that this machine has: IPv6 may be off.
public enum Loopback {
    /// Whether a socket can be bound to ::1.
    public static let hasIPv6: Bool = {
        let probe = socket(AF_INET6, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { return false }
        defer { close(probe) }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_addr = in6addr_loopback
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(probe, $0, socklen_t(MemoryLayout<sockaddr_in6>.size)) == 0
            }
        }
    }()

    /// An address of each family, as it stands before a port.
    public static let hosts = hasIPv6 ? ["127.0.0.1", "[::1]"] : ["127.0.0.1"]
}
