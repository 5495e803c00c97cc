internal import Glibc

/// An IPv4 or IPv6 address with a port: where a socket listens or connects to.
///
/// Prints and parses as `127.0.0.1:80` and `[fe80::1%2]:80` (RFC 3986 brackets, RFC 4007 zone). The
/// zone is an interface's number or, when parsing, its name.
public struct SocketAddress: Hashable, Sendable {
    enum Host: Hashable, Sendable {
        /// In network order, first octet in the highest bits.
        case v4(UInt32)
        case v6(high: UInt64, low: UInt64, scope: UInt32)
    }

    let host: Host
    /// The port, from 0 to 65535; 0 asks the system to choose one when listening.
    public let port: UInt16

    init(host: Host, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// An address from its text without a port, for example `::1` or `192.0.2.7`, and a port.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` for anything that is not an address (names are not
    ///   looked up) or a port outside 0 to 65535.
    public init(ip: String, port: Int) throws {
        guard let number = UInt16(exactly: port) else {
            throw Self.malformed(ip, "port \(port) is not between 0 and 65535")
        }
        guard let host = Host(parsing: ip) else {
            throw Self.malformed(ip, "not an IPv4 or IPv6 address")
        }
        self.init(host: host, port: number)
    }

    /// An address from text such as `127.0.0.1:80` or `[::1]:80`.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` that says what is wrong with the text.
    public init(_ text: String) throws {
        let endpoint = try Endpoint(text)
        try self.init(ip: endpoint.host, port: Int(endpoint.port))
    }

    /// Any of the machine's IPv4 addresses.
    public static func anyIPv4(port: UInt16) -> SocketAddress {
        SocketAddress(host: .v4(0), port: port)
    }

    /// Any of the machine's addresses, IPv6 and, unless an option says otherwise, IPv4.
    public static func anyIPv6(port: UInt16) -> SocketAddress {
        SocketAddress(host: .v6(high: 0, low: 0, scope: 0), port: port)
    }

    /// 127.0.0.1.
    public static func loopback(port: UInt16) -> SocketAddress {
        SocketAddress(host: .v4(0x7F00_0001), port: port)
    }

    /// Whether it is an IPv4 address.
    public var isIPv4: Bool {
        if case .v4 = host { true } else { false }
    }

    /// Whether it is an IPv6 address.
    public var isIPv6: Bool { !isIPv4 }

    /// The IPv6 zone: an interface's number, 0 for none.
    public var scope: UInt32 {
        if case .v6(_, _, let scope) = host { scope } else { 0 }
    }

    /// The address without the port: `127.0.0.1`, `fe80::1%2`.
    public var ip: String { host.text }

    static func malformed(_ text: String, _ reason: String) -> IOError {
        IOError(.invalidArgument, "parse address", on: "'\(text)'", reason: reason)
    }
}

extension SocketAddress: CustomStringConvertible {
    /// The text that ``init(_:)`` parses: `127.0.0.1:80`, `[::1]:80`.
    public var description: String {
        isIPv4 ? "\(ip):\(port)" : "[\(ip)]:\(port)"
    }

}
