/// A host, by name or address, and a port: what people write to say where to connect to or listen.
///
/// Parses `example.com:80`, `127.0.0.1:80` and `[::1]:80`.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A name or an address without brackets.
    public let host: String
    /// The port, from 0 to 65535.
    public let port: UInt16

    /// - Throws: ``IOError/Code/invalidArgument`` for an empty host or a port outside 0 to 65535.
    public init(host: String, port: Int) throws {
        let text = "\(host):\(port)"
        guard !host.isEmpty else { throw SocketAddress.malformed(text, "the host is missing") }
        guard !host.utf8.contains(0), !host.contains(where: \.isWhitespace) else {
            throw SocketAddress.malformed(text, "the host has characters no name has")
        }
        guard let port = UInt16(exactly: port) else {
            throw SocketAddress.malformed(text, "port \(port) is not between 0 and 65535")
        }
        self.host = host
        self.port = port
    }

    /// - Throws: ``IOError/Code/invalidArgument`` that says what is wrong with the text.
    public init(_ text: String) throws {
        let (host, portText) = try Self.split(text)
        guard !portText.isEmpty else { throw SocketAddress.malformed(text, "the port is missing") }
        guard portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw SocketAddress.malformed(text, "'\(portText)' is not a port number")
        }
        guard let port = UInt16(portText) else {
            throw SocketAddress.malformed(text, "port \(portText) is not between 0 and 65535")
        }
        guard !host.isEmpty else { throw SocketAddress.malformed(text, "the host is missing") }
        try self.init(host: String(host), port: Int(port))
    }

    /// The text that ``init(_:)`` parses: `example.com:80`, `[::1]:80`.
    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static func split(_ text: String) throws -> (host: Substring, port: Substring) {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else {
                throw SocketAddress.malformed(text, "the bracket is not closed")
            }
            let rest = text[text.index(after: end)...]
            guard rest.hasPrefix(":") else {
                throw SocketAddress.malformed(text, "the port is missing")
            }
            return (text[text.index(after: text.startIndex)..<end], rest.dropFirst())
        }
        guard let colon = text.lastIndex(of: ":") else {
            throw SocketAddress.malformed(text, "the port is missing")
        }
        guard text.firstIndex(of: ":") == colon else {
            throw SocketAddress.malformed(text, "an IPv6 address needs brackets: [::1]:80")
        }
        return (text[..<colon], text[text.index(after: colon)...])
    }
}

extension Endpoint: ExpressibleByStringLiteral {
    /// Traps unless the literal is an endpoint.
    public init(stringLiteral value: String) {
        do {
            try self.init(value)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
